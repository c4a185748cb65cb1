//! What both examples are held against, in a real browser and with a certified provider.

#[test]
fn people_sign_in_with_a_provider_and_nobody_signs_them_in() {
    browser_tests::signs_in_with_a_provider(env!("CARGO_BIN_EXE_social-login-axum"));
}
