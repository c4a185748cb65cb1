//! `run`: judges a server in each of its settings.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::case::{Case, Level};
use crate::groups;
use crate::html;
use crate::process::Process;
use crate::provider::Provider;
use crate::report::{self, Report};
use crate::run::{self, Outcome, Runner, Verdict};
use crate::target::Target;
use crate::world::World;
use crate::{Options, Stop};

/// What one server is asked: the groups of a setting, or a part of them.
struct Lane {
    world: World,
    groups: Vec<(&'static str, Vec<Case>)>,
}

/// Servers at once. Most of the time all wait.
const LANES: usize = 6;

pub(crate) fn run(options: &Options) -> Result<ExitCode, Stop> {
    let targets = Target::read(&options.target).map_err(Stop::Target)?;
    for target in &targets {
        let tls = target.mtls.as_ref().and_then(|mtls| mtls.place.as_ref());
        for place in [Some(target.place()), tls].into_iter().flatten() {
            if !place.address.ip().is_loopback() && !options.owned {
                return Err(Stop::Usage(format!(
                    "{} is not on this machine. The cases attack a server: floods, broken requests. If it is yours to attack, \
                     say --i-own-this-server",
                    place.host
                )));
            }
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
    // Several of these servers can run at once if the kit starts them, each on ports of its own.
    let can_split = targets.iter().all(|target| {
        target.server.start.is_some() && target.place().address.port() == 0 && target.keys.listen.port() == 0
    });
    let (mut done, mut lanes) = (BTreeSet::new(), VecDeque::new());
    for target in targets {
        lanes.extend(plan(target, options, &mut done, &mut report)?);
    }
    // What one setting left out, another may have had.
    let mut named = BTreeSet::new();
    report.left_out.retain(|(group, _, _)| !done.contains(group.as_str()) && named.insert(group.clone()));
    let all: usize = lanes.iter().flat_map(|lane| &lane.groups).map(|(_, cases)| cases.len()).sum();
    let mut teller =
        Teller { name: report.name.clone(), known: &known, quiet: options.quiet, all, number: 0, at: None };
    if can_split && lanes.front().is_some() {
        report.outcomes = beside(lanes, &mut teller)?;
    } else {
        for lane in lanes {
            report.outcomes.extend(drive(lane, |outcome| teller.tell(outcome)).map_err(Stop::Server)?);
        }
    }
    // What does not apply to one setting counts in another.
    let ran: BTreeSet<&str> = report.outcomes.iter().filter(|one| one.ran()).map(|one| one.case.id).collect();
    report.outcomes.retain(|outcome| outcome.ran() || !ran.contains(outcome.case.id));
    conclude(&report, options, &known)
}

/// The groups that apply to one setting of the server, and that no setting before had.
fn plan(
    target: Target,
    options: &Options,
    done: &mut BTreeSet<String>,
    report: &mut Report,
) -> Result<Option<Lane>, Stop> {
    let setting = target.setting.clone();
    let (can_restart, is_first) = (target.can_restart(), setting == "default");
    let world = crate::world(target).map_err(Stop::Target)?;
    let (mut groups, only_here) = (Vec::new(), world.target.groups.only.is_some() && !is_first);
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
            None => groups.push((group, cases)),
        }
    }
    done.extend(groups.iter().map(|(group, _)| (*group).to_owned()));
    Ok(if groups.is_empty() { None } else { Some(Lane { world, groups }) })
}

/// All cases of a lane on a server of its own.
fn drive(lane: Lane, mut tell: impl FnMut(&Outcome)) -> Result<Vec<Outcome>, String> {
    let mut process = Process::default();
    let restart: Option<run::Restart<'_>> =
        if lane.world.target.can_restart() { Some(Box::new(|world: &mut World| process.restart(world))) } else { None };
    let mut runner = Runner { world: lane.world, restart, hurry: None };
    runner.preflight()?;
    let mut outcomes = Vec::new();
    for (_, cases) in lane.groups {
        outcomes.extend(runner.group(cases, &mut tell));
    }
    Ok(outcomes)
}

/// The lanes, several at once. The first is told of while it runs, the others when they have ended.
fn beside(mut lanes: VecDeque<Lane>, teller: &mut Teller<'_>) -> Result<Vec<Outcome>, Stop> {
    let Some(mut first) = lanes.pop_front() else {
        return Ok(Vec::new());
    };
    let settings: Vec<String> = lanes
        .iter()
        .map(|lane| lane.world.target.setting.clone())
        .chain([first.world.target.setting.clone()])
        .collect();
    // What waits for the keys waits on servers of its own. The longest come first.
    if let Some(at) = first.groups.iter().position(|(group, _)| *group == "keys") {
        let (group, cases) = first.groups.remove(at);
        let mut parts: Vec<Vec<Case>> = Vec::new();
        for (number, case) in cases.into_iter().enumerate() {
            if number < LANES {
                parts.push(Vec::new());
            }
            parts[number % LANES].push(case);
        }
        for cases in parts {
            let provider = Provider::start(first.world.target.keys.listen).map_err(Stop::Target)?;
            let world = World::new(first.world.target.clone(), Arc::clone(&first.world.keys), provider);
            lanes.push_front(Lane { world: world.map_err(Stop::Target)?, groups: vec![(group, cases)] });
        }
    }
    let queue = Mutex::new(lanes);
    let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let take = &take;
    let work = move || {
        let mut outcomes = Vec::new();
        while let Some(lane) = take() {
            outcomes.extend(drive(lane, |_| ())?);
        }
        Ok::<_, String>(outcomes)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..LANES).map(|_| scope.spawn(work)).collect();
        let mut outcomes = if first.groups.is_empty() {
            Vec::new()
        } else {
            drive(first, |outcome| teller.tell(outcome)).map_err(Stop::Server)?
        };
        let mut others: Vec<Outcome> = Vec::new();
        for thread in threads {
            let done = thread.join().unwrap_or_else(|_| Err("the kit failed".to_owned()));
            others.extend(done.map_err(Stop::Server)?);
        }
        let order: Vec<&str> = groups::all().iter().map(|case| case.id).collect();
        let place = |outcome: &Outcome| {
            let setting = settings.iter().position(|setting| *setting == outcome.setting);
            (outcome.setting != "default", setting, order.iter().position(|id| *id == outcome.case.id))
        };
        others.sort_by_key(place);
        for outcome in &others {
            teller.tell(outcome);
        }
        outcomes.extend(others);
        outcomes.sort_by_key(place);
        Ok(outcomes)
    })
}

/// What is shown while it runs.
struct Teller<'k> {
    name: String,
    known: &'k BTreeSet<&'k str>,
    quiet: bool,
    all: usize,
    number: usize,
    /// The setting and the group of the last one.
    at: Option<(String, &'static str)>,
}

impl Teller<'_> {
    fn tell(&mut self, outcome: &Outcome) {
        self.number += 1;
        if self.quiet {
            return;
        }
        let here = (outcome.setting.clone(), outcome.case.group);
        if self.at.as_ref().is_none_or(|(setting, _)| *setting != here.0) {
            let setting = if here.0 == "default" { String::new() } else { format!(", setting {}", here.0) };
            println!("{}{}{setting}", if self.at.is_some() { "\n" } else { "" }, self.name);
        }
        if self.at.as_ref() != Some(&here) {
            println!("\n{}", here.1);
            self.at = Some(here);
        }
        say(outcome, self.number, self.all, self.known);
    }
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
    println!("  What failed (`jwt-conformance explain ID` shows what was sent):");
    for level in [Level::Must, Level::Should, Level::Defence] {
        let is_of = |id: &&str| report.failures().any(|outcome| outcome.case.id == *id && outcome.case.level == level);
        let ids: Vec<&str> = new.iter().copied().filter(is_of).collect();
        if !ids.is_empty() {
            println!("    {}: {}", level.words(), ids.join(", "));
        }
    }
    Ok(ExitCode::from(1))
}
