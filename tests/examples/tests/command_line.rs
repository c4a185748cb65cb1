use std::net::{TcpListener, TcpStream};

use crate::example::{all, printed_port};

#[test]
fn each_says_what_it_is_and_how_it_is_run() {
    for example in all() {
        let help = example.help();
        let (about, usage) = help.split_once("\n\nusage: ").unwrap_or_else(|| panic!("{}: {help}", example.name));
        assert!(about.ends_with('.'), "{}: {about}", example.name);
        // The login examples share their text.
        let name = example.name.replace("login-actix", "login-axum");
        assert!(usage.contains(&format!("cargo run -p {name}")), "{}: {usage}", example.name);
    }
}

#[test]
fn each_says_what_is_wrong_with_an_option_that_it_has_not() {
    for example in all() {
        let output = example.output(&["--no-such-option"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{}", example.name);
        assert!(error.contains("--no-such-option"), "{}: {error}", example.name);
        assert!(!error.contains("panicked"), "{}: {error}", example.name);
    }
}

#[test]
fn each_says_in_words_that_its_port_is_in_use() {
    let other = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = other.local_addr().expect("it listens").port();
    let mut tried = 0;
    for example in all() {
        for mut command in example.serving(port) {
            let output = command.output().expect("it starts");
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{}", example.name);
            assert!(error.contains(&format!("port {port} is in use")), "{}: {error}", example.name);
            assert!(!error.contains("Os {") && !error.contains("panicked"), "{}: {error}", example.name);
            tried += 1;
        }
    }
    assert!(tried > 10, "only {tried} have been told a port: does --help still say how?");
}

#[test]
fn each_prints_the_port_that_it_has_taken_where_any_will_do() {
    for example in all() {
        for command in example.serving(0) {
            let (_process, port) = printed_port(command);
            let port = port.unwrap_or_else(|| panic!("{} prints no port", example.name));
            assert_ne!(port, 0, "{}", example.name);
            TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|error| panic!("{}: {error}", example.name));
        }
    }
}
