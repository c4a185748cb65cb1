//! What every login example is held against, in real browsers, on a real Redis, on a real PostgreSQL and in a file.

const PROGRAM: &str = env!("CARGO_BIN_EXE_login-axum");

#[test]
fn a_browser_signs_in_and_out_and_nobody_else_does() {
    browser_tests::signs_in_with_a_browser(PROGRAM);
}

#[test]
fn in_firefox_it_is_the_same() {
    browser_tests::signs_in_with_firefox(PROGRAM);
}

#[test]
fn in_webkit_it_is_the_same() {
    browser_tests::signs_in_with_webkit(PROGRAM);
}

#[test]
fn two_instances_share_logins_through_redis() {
    browser_tests::share_logins_through_redis(PROGRAM);
}

#[test]
fn two_instances_share_logins_through_postgres() {
    browser_tests::share_logins_through_postgres(PROGRAM);
}

#[test]
fn who_was_signed_in_is_so_after_a_restart() {
    browser_tests::survive_a_restart(PROGRAM);
}
