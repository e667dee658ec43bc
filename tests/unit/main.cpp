#define BOOST_TEST_MODULE importlock
#include <boost/test/unit_test.hpp>
