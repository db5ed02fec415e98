# Where `cmake --install` puts things.
include(GNUInstallDirs)
