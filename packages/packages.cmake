# What cmake --install and cpack give beside the programs, and the packages' own data.
include(GNUInstallDirs)
set(IMPORTLOCK_STATIC_BUILD ${PROJECT_SOURCE_DIR}/build/static CACHE PATH
  "The build folder of the preset static, whose command the packages hold")

install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
  REGEX "/pictures/.*\\.(sh|py)$" EXCLUDE)
# The name is Debian's; other systems do not mind.
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

set(CPACK_GENERATOR DEB RPM TGZ)
set(CPACK_PACKAGE_NAME ${PROJECT_NAME})
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR "the py-importlock authors")
set(CPACK_PACKAGE_CONTACT "the py-importlock authors <py-importlock@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "diagnoses hangs on the import lock of CPython 2.7")
set(CPACK_PACKAGE_DESCRIPTION
  "Says which thread of a Python 2.7 process holds the global import lock, who waits for it and
why, whether that is a deadlock, and what to change. A command that needs nothing installed, and
a plug-in for gdb. They read live processes and cores, and change nothing in them.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
# The module for gdb comes from this build; over its command goes the static one, which runs
# on any Linux.
set(CPACK_INSTALL_CMAKE_PROJECTS
  "${PROJECT_BINARY_DIR};${PROJECT_NAME};ALL;/"
  "${IMPORTLOCK_STATIC_BUILD};${PROJECT_NAME};ALL;/")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION debug)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Capstone is not linked with. Debian's names are made of the library's: libcapstone.so.4.
string(REPLACE ".so." "" CPACK_DEBIAN_PACKAGE_DEPENDS "${IMPORTLOCK_CAPSTONE}")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS gdb)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE MIT)
# The libraries of the module for gdb: the command does without, and other systems name them
# otherwise.
set(CPACK_RPM_PACKAGE_AUTOREQ OFF)
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
  /usr/share/man /usr/share/man/man1 /usr/share/doc /usr/share/gdb)
foreach(folder "" /usr /usr/bin /usr/lib /usr/lib64 /usr/lib/x86_64-linux-gnu
    /usr/local /usr/local/bin /usr/local/lib)
  list(APPEND CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION /usr/share/gdb/auto-load${folder})
endforeach()
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none")
include(CPack)
