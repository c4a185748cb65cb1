//! `jwt-conformance`: judges any server that takes bearer tokens. See its README.

// Cases are lists; what one step does may fail in another; all functions of a world look alike; options are switches.
#![expect(
    clippy::too_many_lines,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    clippy::struct_excessive_bools,
    clippy::needless_pass_by_value
)]

mod base64url;
mod case;
mod certificates;
mod groups;
mod grpc;
mod html;
mod init;
mod judging;
mod keys;
#[cfg(test)]
mod law;
mod process;
mod provider;
mod publish;
mod reference;
mod report;
mod run;
mod target;
mod token;
mod wire;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use case::Step;
use keys::Keys;
use provider::Provider;
use target::Target;
use world::World;

const USAGE: &str = "\
usage: jwt-conformance COMMAND

  run [--target FILE] [--json FILE] [--junit FILE] [--html FILE] [--baseline FILE [--write-baseline]]
      [--only ID-OR-GROUP]... [--quiet] [--i-own-this-server]
          judges the server that FILE (target.toml) describes. Exit status: 0 every case passed, or failed as the
          baseline says; 1 a case failed; 2 the command line or the target is wrong; 3 the server does not serve a
          good token
  list [--group GROUP]
          names every case with its clause
  explain ID [--target FILE]
          shows what a case sends, as bytes and as a line for curl, and what is allowed to come
  init [FILE]
          asks what the server expects, and writes target.toml
  keys [--target FILE] [--format jwks|pem|secret]
          prints what a server with static keys has to know
  serve [--target FILE]
          serves metadata and keys until it is stopped, and prints a good token: for trying a configuration by hand
  html FILE.json... --output FILE.html
          one page of the JSON of several runs
  publish FILE.json... --output FILE.html --markdown FILE.md [--own NAME]...
          the same for strangers to read: what looks like a weakness of a server that is not NAME is withheld
  reference [--target FILE] [--fault NAME] [--faults]
          serves on the port of the target as every case wants it, or with a planted fault
";

enum Stop {
    Usage(String),
    Target(String),
    Server(String),
    Help,
}

fn main() -> ExitCode {
    match command(lexopt::Parser::from_env()) {
        Ok(code) => code,
        Err(Stop::Help) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Err(Stop::Usage(why)) => {
            eprintln!("jwt-conformance: {why}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(Stop::Target(why)) => {
            eprintln!("jwt-conformance: {why}");
            ExitCode::from(2)
        }
        Err(Stop::Server(why)) => {
            eprintln!("jwt-conformance: {why}");
            ExitCode::from(3)
        }
    }
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

/// The options of all commands; most are of `run`.
struct Options {
    target: PathBuf,
    named: bool,
    json: Option<PathBuf>,
    junit: Option<PathBuf>,
    html: Option<PathBuf>,
    baseline: Option<PathBuf>,
    write_baseline: bool,
    only: Vec<String>,
    quiet: bool,
    owned: bool,
    group: Option<String>,
    format: Option<String>,
    output: Option<PathBuf>,
    fault: Option<String>,
    faults: bool,
    markdown: Option<PathBuf>,
    own: Vec<String>,
    words: Vec<String>,
}

fn options(mut parser: lexopt::Parser) -> Result<Options, Stop> {
    use lexopt::prelude::*;
    let mut options = Options {
        target: PathBuf::from("target.toml"),
        named: false,
        json: None,
        junit: None,
        html: None,
        baseline: None,
        write_baseline: false,
        only: Vec::new(),
        quiet: false,
        owned: false,
        group: None,
        format: None,
        output: None,
        fault: None,
        faults: false,
        markdown: None,
        own: Vec::new(),
        words: Vec::new(),
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Err(Stop::Help),
            Long("target") => (options.target, options.named) = (parser.value()?.into(), true),
            Long("json") => options.json = Some(parser.value()?.into()),
            Long("junit") => options.junit = Some(parser.value()?.into()),
            Long("html") => options.html = Some(parser.value()?.into()),
            Long("baseline") => options.baseline = Some(parser.value()?.into()),
            Long("write-baseline") => options.write_baseline = true,
            Long("only") => options.only.push(parser.value()?.string()?),
            Long("quiet") => options.quiet = true,
            Long("i-own-this-server") => options.owned = true,
            Long("group") => options.group = Some(parser.value()?.string()?),
            Long("format") => options.format = Some(parser.value()?.string()?),
            Long("output") => options.output = Some(parser.value()?.into()),
            Long("fault") => options.fault = Some(parser.value()?.string()?),
            Long("faults") => options.faults = true,
            Long("markdown") => options.markdown = Some(parser.value()?.into()),
            Long("own") => options.own.push(parser.value()?.string()?),
            Value(word) => options.words.push(word.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn command(parser: lexopt::Parser) -> Result<ExitCode, Stop> {
    let mut options = options(parser)?;
    if options.words.is_empty() {
        return Err(Stop::Usage("a command is missing".to_owned()));
    }
    let name = options.words.remove(0);
    if !["explain", "init", "html", "publish"].contains(&&*name)
        && let Some(word) = options.words.first()
    {
        return Err(Stop::Usage(format!("{word:?} is not understood")));
    }
    match &*name {
        "run" => judging::run(&options),
        "list" => list(&options),
        "explain" => explain(&options),
        "init" => {
            let file = options.words.first().map_or("target.toml", |word| word);
            init::init(Path::new(file)).map_err(Stop::Target)?;
            Ok(ExitCode::SUCCESS)
        }
        "keys" => print_keys(&options),
        "serve" => serve(&options),
        "html" | "publish" => pages(&options, name == "publish"),
        "reference" => serve_reference(&options),
        other => Err(Stop::Usage(format!("{other:?} is no command"))),
    }
}

/// The world of a target: its keys, and the kit as its authorization server.
fn world(target: Target) -> Result<World, String> {
    let keys = Keys::open(&target.key_file(), &target.algorithms())?;
    let provider = Provider::start(target.keys.listen)?;
    World::new(target, Arc::new(keys), provider)
}

fn list(options: &Options) -> Result<ExitCode, Stop> {
    if let Some(group) = &options.group
        && !groups::NAMES.iter().any(|(name, _)| name == group)
    {
        return Err(Stop::Usage(format!("--group {group}: no such group")));
    }
    let mut all = 0;
    for (group, about) in groups::NAMES {
        if options.group.as_ref().is_some_and(|asked| asked != group) {
            continue;
        }
        println!("{group}: {about}");
        for case in groups::cases(group) {
            all += 1;
            println!("  {:<28} {} [{}, {}]", case.id, case.sentence, case.clause, case.level.words());
        }
    }
    println!("{all} cases");
    Ok(ExitCode::SUCCESS)
}

/// A target with everything, for looking at cases without a server.
const EXAMPLE: &str = include_str!("../example.toml");

fn explain(options: &Options) -> Result<ExitCode, Stop> {
    let [id] = &*options.words else {
        return Err(Stop::Usage("explain: name one case".to_owned()));
    };
    let case = groups::all().into_iter().find(|case| case.id == id);
    let case = case.ok_or_else(|| Stop::Usage(format!("{id:?} is no case; `list` names them")))?;
    let targets = if options.named || options.target.exists() {
        Target::read(&options.target)
    } else {
        Target::parse(EXAMPLE, Path::new(""))
    };
    let targets = targets.map_err(Stop::Target)?;
    // The first setting that has the case; otherwise, the group.
    let has_group = |target: &&Target| groups::applies(case.group, target).is_ok();
    let has_case = |target: &&Target| case.applies.is_none_or(|applies| applies(target).is_ok());
    let target = targets.iter().filter(has_group).find(has_case).or(targets.iter().find(has_group));
    let target = target.unwrap_or(&targets[0]).clone();
    let world = if target.key_file().exists() {
        world(target).map_err(Stop::Target)?
    } else {
        let keys = Keys::new(&target.algorithms()).map_err(Stop::Target)?;
        let provider = Provider::start(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).map_err(Stop::Target)?;
        World::new(target, Arc::new(keys), provider).map_err(Stop::Target)?
    };
    println!("{}: {}\n{} ({})", case.id, case.sentence, case.clause, case.level.words());
    if let Some(Err(why)) = case.applies.map(|applies| applies(&world.target)) {
        println!("It does not apply to this target: {why}");
        return Ok(ExitCode::SUCCESS);
    }
    for (number, step) in case.steps.iter().enumerate() {
        println!();
        match step {
            Step::Restart => println!("{}. The server is restarted.", number + 1),
            Step::Act { note, shown, .. } => {
                println!("{}. {note}", number + 1);
                if let Some(make) = shown {
                    show(&world, &make(&world, 0));
                }
            }
            Step::Send(sending) => {
                let times = if sending.times > 1 { format!(", {} times", sending.times) } else { String::new() };
                let within =
                    sending.within.map_or(String::new(), |within| format!(", within {} seconds", within.as_secs()));
                println!(
                    "{}. A request{times}: {}",
                    number + 1,
                    if sending.note.is_empty() { "as described" } else { sending.note }
                );
                println!("   allowed: {}{within}", sending.allow.words());
                show(&world, &(sending.make)(&world, 0));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A request as bytes and as a line for curl, with what is in its token.
fn show(world: &World, request: &wire::Request) {
    let bytes = request.bytes();
    if let Some(said) = world.provider.said(&bytes) {
        println!("   what the kit says of the token, asked at {}:\n{said}", provider::INTROSPECT);
    } else if let Some(token) = report::decoded(&bytes) {
        println!("   header and claims of the token:\n{token}");
    }
    if let Some(proof) = report::proof(&bytes) {
        println!("   header and claims of the proof:\n{proof}");
    }
    if matches!(request.over, wire::Over::Grpc) {
        println!("   (a grpc-status counts as the status that HTTP has for it: 16 as 401, 7 as 403, 14 as 503)");
    }
    println!("   the bytes:\n{}", report::readable(&bytes));
    let curl = request.curl();
    if curl.len() < 100_000 {
        println!("   {curl}");
    }
}

fn print_keys(options: &Options) -> Result<ExitCode, Stop> {
    let targets = Target::read(&options.target).map_err(Stop::Target)?;
    let target = &targets[0];
    let keys = Keys::open(&target.key_file(), &target.algorithms()).map_err(Stop::Target)?;
    let key = &keys.published()[0];
    let default = if key.algorithm.starts_with("HS") { "secret" } else { "jwks" };
    match options.format.as_deref().unwrap_or(default) {
        "jwks" => println!("{:#}", keys.jwks()),
        "pem" => print!("{}", key.pem()),
        "secret" if key.algorithm.starts_with("HS") => println!("{}", base64url::encode(key.bytes())),
        "secret" => return Err(Stop::Usage("keys: the algorithms of the target have no secret".to_owned())),
        other => return Err(Stop::Usage(format!("--format {other}: jwks, pem or secret"))),
    }
    Ok(ExitCode::SUCCESS)
}

fn serve(options: &Options) -> Result<ExitCode, Stop> {
    let targets = Target::read(&options.target).map_err(Stop::Target)?;
    let world = world(targets[0].clone()).map_err(Stop::Target)?;
    println!("issuer   {}", world.issuer());
    println!("keys     {}{}", world.provider.url(), provider::JWKS);
    println!("audience {}", world.target.tokens.audience);
    if let Some(client) = &world.target.introspection {
        let (url, path) = (world.provider.url(), provider::INTROSPECT);
        println!("introspection {url}{path} as {} with {}", client.client_id, client.client_secret);
    }
    if let (Some(_), Some(directory)) = (&world.target.mtls, world.keys.directory()) {
        println!("certificates {}: authority.pem has signed those of clients", directory.display());
    }
    println!("\na token that is good for ten minutes:\n{}", world.with(world.good()).curl());
    loop {
        std::thread::park();
    }
}

fn pages(options: &Options, is_public: bool) -> Result<ExitCode, Stop> {
    let output =
        options.output.as_ref().ok_or_else(|| Stop::Usage("html: --output FILE.html is missing".to_owned()))?;
    let mut runs: Vec<serde_json::Value> = Vec::new();
    for file in &options.words {
        let text = fs::read_to_string(file).map_err(|error| Stop::Target(format!("{file}: {error}")))?;
        runs.push(serde_json::from_str(&text).map_err(|error| Stop::Target(format!("{file}: {error}")))?);
    }
    if is_public {
        publish::withhold(&mut runs, &options.own);
        if let Some(file) = &options.markdown {
            fs::write(file, publish::markdown(&runs))
                .map_err(|error| Stop::Target(format!("{}: {error}", file.display())))?;
        }
    }
    if is_public {
        publish::blur(&mut runs);
    }
    fs::write(output, html::page(&runs)).map_err(|error| Stop::Target(format!("{}: {error}", output.display())))?;
    Ok(ExitCode::SUCCESS)
}

fn serve_reference(options: &Options) -> Result<ExitCode, Stop> {
    if options.faults {
        for fault in reference::FAULTS {
            println!("{:<26} {}", fault.name, fault.caught_by.join(", "));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let fault = match &options.fault {
        None => "",
        Some(name) => reference::FAULTS
            .iter()
            .map(|fault| fault.name)
            .find(|known| known == name)
            .ok_or_else(|| Stop::Usage(format!("--fault {name}: no such fault; --faults names them")))?,
    };
    let targets = Target::read(&options.target).map_err(Stop::Target)?;
    let setting = std::env::var("SETTING").unwrap_or_else(|_| "default".to_owned());
    let target = targets.into_iter().find(|target| target.setting == setting);
    let target = target.ok_or_else(|| Stop::Target(format!("SETTING={setting}: the target has no such setting")))?;
    let from_environment = |name: &str| std::env::var(name).ok();
    let port = from_environment("PORT").and_then(|port| port.parse().ok()).unwrap_or(target.place().address.port());
    let keys = Keys::open(&target.key_file(), &target.algorithms()).map_err(Stop::Target)?;
    let kit = from_environment("KIT_URL").unwrap_or_else(|| format!("http://{}", target.keys.listen));
    let tls_place = target.mtls.as_ref().and_then(|mtls| mtls.place.as_ref()).map_or(0, |place| place.address.port());
    let tls_port = from_environment("TLS_PORT").and_then(|port| port.parse().ok()).unwrap_or(tls_place);
    let ports = (port, tls_port);
    let server = reference::Reference::start(&target, &keys, &kit, ports, fault).map_err(Stop::Target)?;
    println!("listening on http://{}", server.address);
    if let Some(address) = server.tls_address {
        println!("listening on https://{address}");
    }
    loop {
        std::thread::park();
    }
}
