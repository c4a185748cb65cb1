//! What is held against services of the tests in a real browser, whose time the test moves.

mod device;
