//! `init`: asks what the server expects, and writes `target.toml`.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;

use crate::keys::ALGORITHMS;
use crate::target::Target;

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
         delivery = {}\n\n{server}\n\
         # More groups, each by its table: [cookie] name = …, [scope] path = … and scope = …, [metadata], [step_up] …\n",
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
