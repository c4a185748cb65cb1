//! What every login example is held against, in a real browser and on a real Redis.

const PROGRAM: &str = env!("CARGO_BIN_EXE_login-actix");

#[test]
fn a_browser_signs_in_and_out_and_nobody_else_does() {
    browser_tests::signs_in_with_a_browser(PROGRAM);
}

#[test]
fn two_instances_share_logins_through_redis() {
    browser_tests::share_logins_through_redis(PROGRAM);
}
