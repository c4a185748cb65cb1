//! `init`: asks what the server expects, and writes `target.toml`.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;

use crate::keys::ALGORITHMS;
use crate::target::Target;

type Members = &'static [(&'static str, &'static str, &'static str)];

/// Tables for what not every server has: each member, the question for it, and what is taken if there is no answer. Nothing is
/// written for "-".
const MORE: &[(&str, Members)] = &[
    ("cookie", &[("name", "the name of the cookie for the token", "access_token")]),
    ("scope", &[("path", "an address that asks for a scope", "/scope"), ("scope", "the scope", "orders:read")]),
    ("metadata", &[("resource", "the identifier of the resource, or - for the address above", "-")]),
    (
        "step_up",
        &[
            ("path", "an address that asks for a strong or fresh sign-in", "/step-up"),
            ("acr", "the acr that it asks for, or -", "-"),
            ("max_age", "how old the sign-in may be, in seconds, or -", "300"),
        ],
    ),
    (
        "dpop",
        &[
            ("only", "does it refuse tokens that are not bound, yes or no", "no"),
            ("nonce", "does it demand its nonce in proofs, yes or no", "no"),
            ("max_age", "how old a proof may be, in seconds", "300"),
        ],
    ),
    (
        "introspection",
        &[
            ("only", "does it take no JWTs, yes or no", "no"),
            ("client_id", "as whom it asks", "kit-api"),
            ("client_secret", "its secret", "kit-secret-of-the-api"),
        ],
    ),
    (
        "forward_auth",
        &[
            ("path", "the address that the proxy asks", "/auth"),
            ("subject", "the field of the answer that names the user, or -", "X-Auth-Subject"),
        ],
    ),
    (
        "mcp",
        &[
            ("only", "has it no other protected address than that of the MCP server, yes or no", "no"),
            ("path", "the address of the MCP server", "/mcp"),
        ],
    ),
    ("grpc", &[("method", "a method: /package.Service/Method", "/kit.Kit/Serve")]),
    (
        "mtls",
        &[(
            "field",
            "the field in which its proxy says the certificate, or an https address of it",
            "X-SSL-Client-Cert",
        )],
    ),
];

/// One member of a table, in TOML.
fn line(table: &str, member: &str, answer: &str) -> Result<String, String> {
    let quoted = serde_json::Value::from(answer).to_string();
    Ok(match (member, answer) {
        (_, "-") | ("only" | "nonce", "no") => String::new(),
        ("only" | "nonce", "yes") => format!("{member} = true\n"),
        ("only" | "nonce", _) => return Err(format!("{table}: {answer:?} is neither yes nor no")),
        ("max_age", _) => {
            let seconds: u32 = answer.parse().map_err(|_| format!("{table}: {answer:?} is no number of seconds"))?;
            format!("max_age = {seconds}\n")
        }
        ("field", _) if answer.starts_with("https://") => format!("url = {quoted}\n"),
        _ => format!("{member} = {quoted}\n"),
    })
}

pub(crate) fn init(file: &Path) -> Result<(), String> {
    if file.exists() {
        return Err(format!("{} exists; remove it first, or name another file", file.display()));
    }
    let mut lines = io::stdin().lock();
    let mut ask = |question: &str, default: &str| -> Result<String, String> {
        print!("{question} [{default}]: ");
        io::stdout().flush().map_err(|error| error.to_string())?;
        let mut line = String::new();
        lines.read_line(&mut line).map_err(|error| error.to_string())?;
        let line = line.trim();
        Ok(if line.is_empty() { default.to_owned() } else { line.to_owned() })
    };
    println!("A few questions about your server. Return takes what is between the brackets.\n");
    let url = ask("A protected address (a GET with a good token gets 2xx)", "http://127.0.0.1:3000/protected")?;
    let audience = ask("The audience that it expects", "https://api.example")?;
    let algorithms = ask("Its algorithms, separated by commas", "RS256")?;
    let names: Vec<&str> = algorithms.split(',').map(str::trim).collect();
    if let Some(odd) = names.iter().find(|name| !ALGORITHMS.contains(name)) {
        return Err(format!("{odd:?} is none of {}", ALGORITHMS.join(", ")));
    }
    let leeway = ask("Seconds that it adds to exp (its leeway or clock tolerance)", "0")?;
    let leeway: i64 = leeway.parse().map_err(|_| format!("{leeway:?} is no number"))?;
    let delivery = if names[0].starts_with("HS") {
        "secret".to_owned()
    } else {
        ask("How it gets the keys: \"fetched\" from an address, or \"static\"", "fetched")?
    };
    let listen = ask("Where the kit serves metadata and keys (http://THIS is the issuer)", "127.0.0.1:9400")?;
    let start = ask("A command that starts the server, or - if it runs by itself", "-")?;
    let names_of_more: Vec<&str> = MORE.iter().map(|(name, _)| *name).collect();
    let more = ask(&format!("What else it has, separated by commas: {}; or -", names_of_more.join(", ")), "-")?;
    let mut tables = String::new();
    for name in more.split(',').map(str::trim).filter(|name| *name != "-") {
        let (_, members) = MORE
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("{name:?} is none of {}", names_of_more.join(", ")))?;
        _ = write!(tables, "\n[{name}]\n");
        for (member, question, default) in *members {
            let answer = ask(&format!("  {name}: {question}"), default)?;
            tables.push_str(&line(name, member, &answer)?);
        }
    }
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let algorithms: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let server = if start == "-" {
        "# With a command here the kit starts the server itself, and groups that need a fresh server are run too.\n\
         # [server]\n# start = \"node server.js\"\n"
            .to_owned()
    } else {
        format!("[server]\nstart = {}\n", quoted(&start))
    };
    let text = format!(
        "# What the server expects; example.toml of the kit has everything that can be said here.\n\
         url = {}\n\n[tokens]\n# issuer = \"https://…\"   left out: http://{listen}\naudience = {}\nalgorithms = [{}]\nleeway = {leeway}\n\
         required = [\"exp\"]\n# claims = {{ client_id = \"me\" }}   more claims of every token\n\n[keys]\nlisten = {}\n\
         delivery = {}\n\n{server}{tables}",
        quoted(&url),
        quoted(&audience),
        algorithms.join(", "),
        quoted(&listen),
        quoted(&delivery),
    );
    Target::parse(&text, Path::new(""))?;
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    println!("\nwritten: {}. Next: jwt-conformance run --target {0}", file.display());
    Ok(())
}
