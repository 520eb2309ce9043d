# Settings and helpers that every room uses: language, warnings, sanitizers, and
# karat_plugin() / karat_test().

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)   # otherwise Boost.Multiprecision pulls in libquadmath
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(KARAT_PLUGIN_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

option(KARAT_WERROR "Treat warnings as errors" ON)
option(KARAT_TESTS "Build the tests" ON)
set(KARAT_SANITIZE "" CACHE STRING "address, undefined or thread")

find_program(KARAT_CCACHE ccache)
if(KARAT_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${KARAT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${KARAT_CCACHE})
endif()

# Carried by every target of this project, never by an imported one.
add_library(karat_settings INTERFACE)
target_include_directories(karat_settings INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(karat_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  -Wno-missing-field-initializers   # rows name the fields that are special about them
  # GCC 12 is mistaken about string + string (GCC bug 105651) and about what std::variant and
  # RapidCheck keep in raw storage; clang checks the same code for both.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  -ffp-contract=off   # a formula means what it says; kernels ask for FMA by name
  $<$<BOOL:${KARAT_WERROR}>:-Werror>)
if(KARAT_SANITIZE)
  set(karat_sanitizer_flags -fsanitize=${KARAT_SANITIZE} -fno-omit-frame-pointer)
  if(KARAT_SANITIZE STREQUAL "undefined")
    list(APPEND karat_sanitizer_flags -fno-sanitize-recover=all)
  endif()
  target_compile_options(karat_settings INTERFACE ${karat_sanitizer_flags})
  target_link_options(karat_settings INTERFACE ${karat_sanitizer_flags})
  target_compile_definitions(karat_settings INTERFACE KARAT_SANITIZE="${KARAT_SANITIZE}")
endif()

find_package(Threads REQUIRED)

# karat_plugin(NAME SOURCES … [LIBRARIES …] [DIRECTORY sub]): a back end as a module,
# NAME.so in the plugin directory (or its sub-directory). NAME is what users type.
function(karat_plugin name)
  cmake_parse_arguments(arg "" "DIRECTORY" "SOURCES;LIBRARIES" ${ARGN})
  set(target karat_plugin_${name})
  add_library(${target} MODULE ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE karat_settings ${arg_LIBRARIES})
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} SUFFIX .so
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY ${KARAT_PLUGIN_DIRECTORY}/${arg_DIRECTORY})
  if(NOT arg_DIRECTORY)
    install(TARGETS ${target} LIBRARY DESTINATION lib/karat/plugins)
  endif()
  set_property(GLOBAL APPEND PROPERTY KARAT_PLUGINS ${name})
  set_property(GLOBAL APPEND PROPERTY KARAT_PLUGIN_TARGETS ${target})
endfunction()

# karat_hash_of(VARIABLE FILES…): the first 16 digits of a hash of the files in the order of their
# names; the build is configured anew when one of them changes.
function(karat_hash_of variable)
  set(files ${ARGN})
  list(SORT files)
  set(hashes "")
  foreach(file ${files})
    file(SHA256 ${file} hash)
    string(APPEND hashes ${hash})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  string(SHA256 hash "${hashes}")
  string(SUBSTRING ${hash} 0 16 hash)
  set(${variable} ${hash} PARENT_SCOPE)
endfunction()

# karat_absent(NAME WHY): a back end that this build leaves out, said at the end.
function(karat_absent name why)
  set_property(GLOBAL APPEND PROPERTY KARAT_ABSENT "${name}: ${why}")
endfunction()

if(KARAT_TESTS)
  enable_testing()
  find_package(Catch2 2.13 REQUIRED)
  find_package(rapidcheck REQUIRED)
  include(Catch)
endif()

# What a test of this build's sanitizer needs in its environment.  One variable:
# catch_discover_tests splits lists.
set(karat_test_environment "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1")
if(KARAT_SANITIZE STREQUAL "address")
  # The worker's own handler reports faults; what a killed worker held is no leak.
  set(karat_test_environment "ASAN_OPTIONS=detect_leaks=0:allow_user_segv_handler=1")
elseif(KARAT_SANITIZE STREQUAL "thread")
  set(karat_test_environment "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/tsan.supp")
endif()

# karat_test(NAME SOURCES … [LIBRARIES …] [DEPENDS targets] [PROPERTIES …]): one Catch2
# program; each TEST_CASE becomes one ctest test named NAME/sentence.
function(karat_test name)
  if(NOT KARAT_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES;DEPENDS;PROPERTIES" ${ARGN})
  add_executable(${name}_test ${arg_SOURCES})
  target_link_libraries(${name}_test PRIVATE karat_settings ${arg_LIBRARIES} Catch2::Catch2WithMain)
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_compile_definitions(${name}_test PRIVATE
    KARAT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" KARAT_BINARY_DIR="${CMAKE_BINARY_DIR}"
    KARAT_PLUGIN_DIR="${KARAT_PLUGIN_DIRECTORY}")
  if(arg_DEPENDS)
    add_dependencies(${name}_test ${arg_DEPENDS})
  endif()
  catch_discover_tests(${name}_test TEST_PREFIX "${name}/"
    PROPERTIES ENVIRONMENT "${karat_test_environment}" TIMEOUT 1200 ${arg_PROPERTIES})
endfunction()

# karat_symbols_test(NAME OBJECTS…): a test that no function is defined by two of these object files, which
# are compiled for different instruction sets.
function(karat_symbols_test name)
  if(NOT KARAT_TESTS OR NOT CMAKE_NM)
    return()
  endif()
  list(JOIN ARGN "|" objects)
  add_test(NAME "${name}/no symbol is shared between the instruction sets"
    COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} "-DOBJECTS=${objects}" -P ${PROJECT_SOURCE_DIR}/cmake/symbols_test.cmake)
endfunction()

function(karat_summary)
  get_property(plugins GLOBAL PROPERTY KARAT_PLUGINS)
  get_property(absent GLOBAL PROPERTY KARAT_ABSENT)
  list(JOIN plugins " " plugins)
  message(STATUS "karat ${PROJECT_VERSION}: ${CMAKE_BUILD_TYPE}, ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
  foreach(line IN LISTS absent)
    message(STATUS "karat: without back end ${line}")
  endforeach()
endfunction()
