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

use std::collections::BTreeSet;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use case::{Case, Level, Step};
use keys::Keys;
use process::Process;
use provider::Provider;
use report::Report;
use run::{Outcome, Runner, Verdict};
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
        "run" => run(&options),
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

fn run(options: &Options) -> Result<ExitCode, Stop> {
    let targets = Target::read(&options.target).map_err(Stop::Target)?;
    for target in &targets {
        if !target.place().address.ip().is_loopback() && !options.owned {
            return Err(Stop::Usage(format!(
                "{} is not on this machine. The cases attack a server: floods, broken requests. If it is yours to attack, say \
                 --i-own-this-server",
                target.url
            )));
        }
    }
    for only in &options.only {
        if !groups::all().iter().any(|case| case.id == only || case.group == only) {
            return Err(Stop::Usage(format!("--only {only}: no such case or group; `list` names them")));
        }
    }
    let baseline = match &options.baseline {
        Some(file) if file.exists() => {
            fs::read_to_string(file).map_err(|error| Stop::Target(format!("{}: {error}", file.display())))?
        }
        Some(file) if !options.write_baseline => {
            return Err(Stop::Target(format!("{}: no such file; --write-baseline writes it", file.display())));
        }
        _ => String::new(),
    };
    let known: BTreeSet<&str> =
        baseline.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut report = Report {
        name: targets[0].name.clone(),
        versions: targets[0].versions.clone(),
        url: targets[0].url.clone(),
        date: report::today(),
        outcomes: Vec::new(),
        left_out: Vec::new(),
    };
    let mut done = BTreeSet::new();
    for target in targets {
        judge(target, options, &known, &mut done, &mut report)?;
    }
    // What one setting left out, another may have had.
    report.left_out.retain(|(group, _, _)| !done.contains(group.as_str()));
    report.left_out.dedup_by(|a, b| a.0 == b.0);
    conclude(&report, options, &known)
}

/// The groups that apply to one setting of the server, and that no setting before had.
fn judge(
    target: Target,
    options: &Options,
    known: &BTreeSet<&str>,
    done: &mut BTreeSet<String>,
    report: &mut Report,
) -> Result<(), Stop> {
    let setting = target.setting.clone();
    let (can_restart, is_first) = (target.can_restart(), setting == "default");
    let world = world(target).map_err(Stop::Target)?;
    let (mut wanted, only_here) = (Vec::new(), world.target.groups.only.is_some() && !is_first);
    for (group, mut cases, why) in run::select(&world) {
        cases.retain(|case| {
            options.only.is_empty() || options.only.iter().any(|only| case.id == only || case.group == only)
        });
        if cases.is_empty() || done.contains(group) && !only_here {
            continue;
        }
        match why {
            Some(why) => report.left_out.push((group.to_owned(), cases.len(), why)),
            None if !is_first && !can_restart => {
                let why = format!("setting {setting}: set [server] start or restart");
                report.left_out.push((group.to_owned(), cases.len(), why));
            }
            None => wanted.push((group, cases)),
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    if !options.quiet {
        let name = if is_first { String::new() } else { format!(", setting {setting}") };
        println!("{}{name} at {}", report.name, world.target.url);
    }
    // What waits for the keys waits on servers of its own meanwhile.
    let split = if can_split(&world.target) { wanted.iter().position(|(group, _)| *group == "keys") } else { None };
    let apart = split.map(|at| wanted.remove(at)).map(|(_, cases)| cases).unwrap_or_default();
    let all: usize = wanted.iter().map(|(_, cases)| cases.len()).sum::<usize>() + apart.len();
    let mut number = 0;
    let mut tell = |outcome: &Outcome| {
        number += 1;
        if !options.quiet {
            say(outcome, number, all, known);
        }
    };
    let (target, keys) = (world.target.clone(), Arc::clone(&world.keys));
    let mut outcomes = std::thread::scope(|scope| {
        let mut lanes: Vec<Vec<Case>> = Vec::new();
        for (at, case) in apart.into_iter().enumerate() {
            if at < LANES {
                lanes.push(Vec::new());
            }
            lanes[at % LANES].push(case);
        }
        let (target, keys) = (&target, &keys);
        let lanes: Vec<_> = lanes.into_iter().map(|cases| scope.spawn(move || lane(target, keys, cases))).collect();
        let mut process = Process::default();
        let restart: Option<run::Restart<'_>> =
            if can_restart { Some(Box::new(|world: &mut World| process.restart(world))) } else { None };
        let mut runner = Runner { world, restart, hurry: None };
        runner.preflight().map_err(Stop::Server)?;
        let mut outcomes = Vec::new();
        for (group, cases) in wanted {
            if !options.quiet {
                println!("\n{group}");
            }
            outcomes.extend(runner.group(cases, &mut tell));
        }
        if !lanes.is_empty() && !options.quiet {
            println!("\nkeys");
        }
        for lane in lanes {
            let of_lane = lane.join().unwrap_or_else(|_| Err("the kit failed".to_owned())).map_err(Stop::Server)?;
            of_lane.iter().for_each(&mut tell);
            outcomes.extend(of_lane);
        }
        Ok::<_, Stop>(outcomes)
    })?;
    let order: Vec<&str> = groups::all().iter().map(|case| case.id).collect();
    outcomes.sort_by_key(|outcome| order.iter().position(|id| *id == outcome.case.id));
    done.extend(outcomes.iter().map(|outcome| outcome.case.group.to_owned()));
    report.outcomes.extend(outcomes);
    Ok(())
}

/// Servers at once, for the cases that begin with a fresh one.
const LANES: usize = 4;

/// Whether several of these servers can run at once: the kit starts them, and each gets ports of its own.
fn can_split(target: &Target) -> bool {
    target.server.start.is_some() && target.place().address.port() == 0 && target.keys.listen.port() == 0
}

/// Cases on a server of their own.
fn lane(target: &Target, keys: &Arc<Keys>, cases: Vec<Case>) -> Result<Vec<Outcome>, String> {
    let provider = Provider::start(target.keys.listen)?;
    let world = World::new(target.clone(), Arc::clone(keys), provider)?;
    let mut process = Process::default();
    let restart: run::Restart<'_> = Box::new(|world: &mut World| process.restart(world));
    let mut runner = Runner { world, restart: Some(restart), hurry: None };
    runner.preflight()?;
    Ok(runner.group(cases, |_| ()))
}

fn say(outcome: &Outcome, number: usize, all: usize, known: &BTreeSet<&str>) {
    let colours = std::io::stdout().is_terminal();
    let paint = |code: &str, text: &str| if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let case = &outcome.case;
    match &outcome.verdict {
        Verdict::Passed => println!("  {} {:<28} {}", paint("32", "pass"), case.id, case.sentence),
        Verdict::Skipped(why) => println!("  {} {:<28} {why}", paint("33", "skip"), case.id),
        Verdict::Failed(kind, why) => {
            let word = if case.level == Level::Taste {
                paint("36", "note")
            } else if known.contains(case.id) {
                paint("33", "known")
            } else {
                paint("31", "FAIL")
            };
            println!("  {word} {:<28} {}", case.id, case.sentence);
            println!("       {} ({}): {}: {why}", case.clause, case.level.words(), kind.words());
        }
    }
    if colours {
        print!("  [{number}/{all}]\r");
        _ = std::io::stdout().flush();
    }
}

fn conclude(report: &Report, options: &Options, known: &BTreeSet<&str>) -> Result<ExitCode, Stop> {
    let write = |file: &Option<PathBuf>, text: &dyn Fn() -> String| match file {
        Some(file) => fs::write(file, text()).map_err(|error| Stop::Target(format!("{}: {error}", file.display()))),
        None => Ok(()),
    };
    write(&options.json, &|| format!("{:#}\n", report.json()))?;
    write(&options.junit, &|| report.junit())?;
    write(&options.html, &|| html::page(&[report.json()]))?;
    let count = report.count();
    let failed: BTreeSet<&str> = report.failures().map(|outcome| outcome.case.id).collect();
    if options.write_baseline && options.baseline.is_some() {
        write(&options.baseline, &|| {
            let lines = failed.iter().fold(String::new(), |lines, id| format!("{lines}{id}\n"));
            format!("# Cases that are known to fail. `jwt-conformance explain ID` says what each is about.\n{lines}")
        })?;
    }
    let left_out: usize = report.left_out.iter().map(|(_, cases, _)| cases).sum();
    println!(
        "\n{}: {} passed, {} failed, {} skipped, {} matters of taste not counted; {left_out} cases of other groups do not apply",
        report.name, count.passed, count.failed, count.skipped, count.taste
    );
    for (group, cases, why) in &report.left_out {
        println!("  not applied: {group} ({cases} cases): {why}");
    }
    let new: Vec<&str> = failed.difference(known).copied().collect();
    let ran: BTreeSet<&str> = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.verdict == Verdict::Passed)
        .map(|outcome| outcome.case.id)
        .collect();
    for id in known.intersection(&ran) {
        println!("  {id} passes now: take it out of the baseline");
    }
    if options.write_baseline || new.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("  `jwt-conformance explain ID` shows what was sent: {}", new.join(", "));
    Ok(ExitCode::from(1))
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
            Step::Act { note, .. } => println!("{}. {note}", number + 1),
            Step::Send(sending) => {
                let request = (sending.make)(&world, 0);
                let times = if sending.times > 1 { format!(", {} times", sending.times) } else { String::new() };
                let within =
                    sending.within.map_or(String::new(), |within| format!(", within {} seconds", within.as_secs()));
                println!(
                    "{}. A request{times}: {}",
                    number + 1,
                    if sending.note.is_empty() { "as described" } else { sending.note }
                );
                println!("   allowed: {}{within}", sending.allow.words());
                let bytes = request.bytes();
                if let Some(token) = report::decoded(&bytes) {
                    println!("   header and claims of the token:\n{token}");
                }
                println!("   the bytes:\n{}", report::readable(&bytes));
                let curl = request.curl();
                if curl.len() < 100_000 {
                    println!("   {curl}");
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
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
