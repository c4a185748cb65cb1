use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

const HELP: &str = "\
Sign in, refresh, sign out, list devices: browsers by cookie, API clients by bearer token.

usage: cargo run -p login-axum [PORT] [OPTION...]        login-actix takes the same

  PORT             where to listen on loopback: 3000 unless told otherwise, 0 for any that is free
  --store STORE    where logins and revoked tokens are remembered: login.db unless told otherwise
                     FILE    a file of SQLite, which survives a restart
                     URL     for several instances: postgres://user:password@host/database, redis://host
                     memory  gone with the process
  --key FILE       the private key that signs, P-256 in PEM: the same for all instances, so needed with a URL.
                   openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE
                   Without it, one is made: beside the file of the store, or gone with the process.
  --bind-to-device binds logins in cookies to a key of the browser, where it can: an experiment of Chromium, behind TLS
  --dangerous-plain-http-on-localhost
                   cookies without `Secure` and without prefixes, for a browser that takes no `Secure` cookie from
                   http://localhost (Safari is one, Chromium is not)
  --help           this
";

/// Where logins and revoked tokens are remembered.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// In this process.
    Memory,
    /// In a file, by SQLite.
    File(PathBuf),
    /// In PostgreSQL.
    Postgres(String),
    /// In Redis or Valkey.
    Redis(String),
}

impl Default for Place {
    fn default() -> Self {
        Self::File("login.db".into())
    }
}

impl From<String> for Place {
    fn from(name: String) -> Self {
        match name.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Self::Postgres(name),
            Some(_) => Self::Redis(name),
            None if name == "memory" => Self::Memory,
            None => Self::File(name.into()),
        }
    }
}

/// What the command line says.
#[derive(Debug, Default)]
pub struct Options {
    /// Where to listen on loopback.
    pub port: u16,
    /// Where logins and revoked tokens are remembered.
    pub store: Place,
    /// The file with the private key.
    pub key: Option<PathBuf>,
    /// Whether logins are bound to a key of the browser, where it can.
    pub bind_to_device: bool,
    /// Whether cookies must do without `Secure`.
    pub plain_http: bool,
}

impl Options {
    /// Of this process, which ends here if they only ask for help.
    pub fn from_command_line() -> Result<Self, lexopt::Error> {
        let Some(options) = Self::parse(Parser::from_env())? else {
            print!("{HELP}");
            std::process::exit(0)
        };
        Ok(options)
    }

    /// `None` where help is asked for.
    fn parse(mut parser: Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self { port: 3000, ..Self::default() };
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Value(port) => options.port = port.parse()?,
                Arg::Long("store") => options.store = parser.value()?.string()?.into(),
                Arg::Long("key") => options.key = Some(parser.value().map(OsString::into)?),
                Arg::Long("bind-to-device") => options.bind_to_device = true,
                Arg::Long("dangerous-plain-http-on-localhost") => options.plain_http = true,
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        if matches!(options.store, Place::Postgres(_) | Place::Redis(_)) && options.key.is_none() {
            return Err("several instances must sign with the same key: a store with a URL needs --key".into());
        }
        Ok(Some(options))
    }
}

/// Says what to try, in a browser and without one.
pub fn print_usage(port: u16) {
    let address = format!("http://localhost:{port}");
    let json = "-H 'Content-Type: application/json'";
    println!("Open {address}/ in a browser and sign in, or do so without one:\n");
    println!(
        "    curl -i {json} -d '{{\"name\": \"alice\", \"password\": \"follow the white rabbit\"}}' {address}/api/login\n"
    );
    println!("and with the tokens that this yields:\n");
    println!("    curl -i -H \"Authorization: Bearer $access_token\" {address}/auth/devices");
    println!("    curl -i {json} -d \"{{\\\"refresh_token\\\": \\\"$refresh_token\\\"}}\" {address}/auth/refresh\n");
    println!("Tokens that are bound to a key of the browser: {address}/dpop\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Options>, lexopt::Error> {
        Options::parse(Parser::from_args(arguments))
    }

    #[test]
    fn everything_has_a_default() {
        let options = parse(&[]).unwrap().unwrap();
        assert_eq!((options.port, options.key, options.plain_http), (3000, None, false));
        assert_eq!(options.store, Place::File("login.db".into()));
    }

    #[test]
    fn a_store_is_in_memory_in_a_file_or_at_a_url() {
        for (name, expected) in [
            ("memory", Place::Memory),
            ("./memory", Place::File("./memory".into())),
            ("a.db", Place::File("a.db".into())),
            ("postgresql://host/app", Place::Postgres("postgresql://host/app".into())),
            ("valkeys://host", Place::Redis("valkeys://host".into())),
        ] {
            assert_eq!(parse(&["--store", name, "--key", "key.pem"]).unwrap().unwrap().store, expected);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let urls = ["redis://127.0.0.1", "postgres://127.0.0.1/app"].map(|url| ["--store", url]);
        for arguments in [&["http"][..], &["70000"], &["--port", "1"], &["--store"], &urls[0], &urls[1]] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
        assert!(parse(&["--store", "redis://127.0.0.1", "--key", "key.pem", "0"]).unwrap().is_some());
        assert!(parse(&["--bind-to-device"]).unwrap().is_some_and(|options| options.bind_to_device));
        assert!(parse(&["--help"]).unwrap().is_none());
    }
}
