//! What the examples have in common and is not their point: `--help`, the port, and what is wrong with either. Each of
//! these functions ends the process if there is nothing to go on with, and says why. And what a browser is told that has
//! not kept a cookie.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process;

/// For whoever has just signed in and comes without a token: one more redirect to the login would be round in a circle.
pub const COOKIES_NOT_KEPT: &str = "Your browser has not kept the cookies of the login. It keeps cookies with Secure, and \
    all whose names begin with __Host- or __Secure-, for https alone, and some browsers for http://localhost too. Open this \
    page by https or as http://localhost, and allow cookies for it.";

/// The arguments, at most as many as that. `--help` prints the usage.
pub fn arguments(usage: &str, at_most: usize) -> Vec<String> {
    let arguments: Vec<_> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{}", usage.trim_end());
        process::exit(0);
    }
    if let Some(option) = arguments.iter().find(|argument| argument.starts_with('-')) {
        end(2, &format!("there is no option {option:?}: --help has what there is"));
    }
    if let Some(argument) = arguments.get(at_most) {
        end(2, &format!("{argument:?} is one argument too many: --help has what there is"));
    }
    arguments
}

/// The port, where that is all there is on the command line.
pub fn port(usage: &str, default: u16) -> u16 {
    arguments(usage, 1).first().map_or(default, |argument| parse_port(argument))
}

/// The port that somebody has written.
pub fn parse_port(written: &str) -> u16 {
    written.parse().unwrap_or_else(|_| end(2, &format!("{written:?} is not a port: a number from 0 to 65535")))
}

/// Listens on that port of 127.0.0.1, or on any free port for 0. The listener does not block, as runtimes want it.
pub fn listen(port: u16) -> TcpListener {
    let listener = TcpListener::bind(("127.0.0.1", port)).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.unwrap_or_else(|error| cannot_listen(port, error.kind(), &error.to_string()))
}

/// Ends the process, since nothing can listen on that port.
pub fn cannot_listen(port: u16, kind: ErrorKind, error: &str) -> ! {
    match kind {
        ErrorKind::AddrInUse => {
            end(1, &format!("port {port} is in use by another program: end that, or choose another port (see --help)"))
        }
        ErrorKind::PermissionDenied => {
            end(1, &format!("port {port} is only for administrators: choose one from 1024 on (see --help)"))
        }
        _ => end(1, &format!("cannot listen on port {port}: {error}")),
    }
}

fn end(status: i32, why: &str) -> ! {
    let program = std::env::args_os().next().unwrap_or_default();
    let program = std::path::Path::new(&program).file_stem().unwrap_or_default().to_string_lossy();
    eprintln!("{program}: {why}");
    process::exit(status)
}
