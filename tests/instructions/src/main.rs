//! How many instructions a request costs on each path, counted by valgrind (callgrind): the same on a busy machine as on
//! an idle one. `cargo run --profile counted -p instructions` compares them with those in `counts.txt`. Its first line names the
//! compiler, the valgrind, the C library and the abilities of the processor that they are of: with others there is nothing to
//! compare. `--write` puts what was counted in their place.

mod counts;
mod subject;

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::{Command, ExitCode, Stdio};

use counts::Counts;
use subject::Path;

/// How far a count may be from the one that was written down, in hundredths.
const TOLERANCE: f64 = 2.0;
/// Requests of the shorter run. The longer one has twice as many, and the difference counts.
const REQUESTS: u64 = 500;

const HELP: &str = "\
usage: instructions [--write]

Counts the instructions of a request by valgrind, on each path, and compares them with counts.txt.

  --write  puts what was counted in the place of what is there

It ends with 1 if a path takes 2 % more or less than it did. Valgrind has to be installed: tests/setup instructions.";

enum Task {
    Help,
    Compare,
    Write,
    /// What valgrind runs: that many requests on one path.
    Serve(Path, u64),
}

fn main() -> ExitCode {
    match task().and_then(|task| run(&task)) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "instructions: {error}");
            ExitCode::from(2)
        }
    }
}

fn task() -> Result<Task, Box<dyn Error>> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut arguments = lexopt::Parser::from_env();
    let mut task = Task::Compare;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Task::Help),
            Long("write") => task = Task::Write,
            Value(word) if word == "serve" => {
                let name = arguments.value()?.string()?;
                let path = Path::named(&name).ok_or_else(|| format!("no path {name}"))?;
                task = Task::Serve(path, arguments.value()?.parse()?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(task)
}

fn run(task: &Task) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    match task {
        Task::Help => writeln!(out, "{HELP}")?,
        Task::Serve(path, requests) => subject::serve(*path, *requests),
        Task::Compare | Task::Write if !cfg!(target_arch = "x86_64") => {
            writeln!(out, "instructions: left out, since the counts are those of x86-64")?;
        }
        Task::Write => {
            let counts = Counts { with: counts::with()?, paths: counted(&mut out)? };
            counts.write()?;
        }
        Task::Compare => {
            let (before, with) = (Counts::read()?, counts::with()?);
            let now = counted(&mut out)?;
            if before.with != with {
                writeln!(out, "not compared: counts.txt is of {}, and this is {with}", before.with)?;
                return Ok(ExitCode::SUCCESS);
            }
            return Ok(if is_as_before(&before, &now, &mut out)? { ExitCode::SUCCESS } else { ExitCode::from(1) });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every path with its instructions for one request.
fn counted(out: &mut impl Write) -> Result<Vec<(String, u64)>, Box<dyn Error>> {
    let mut counts = Vec::new();
    for path in Path::ALL {
        let [few, many] = [count(path, REQUESTS)?, count(path, 2 * REQUESTS)?];
        let each = many.saturating_sub(few) / REQUESTS;
        writeln!(out, "{:<24} {each:>7} instructions for a request", path.name())?;
        counts.push((path.name().to_owned(), each));
    }
    Ok(counts)
}

/// All instructions of that many requests, and of what comes before them.
fn count(path: Path, requests: u64) -> Result<u64, Box<dyn Error>> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(env::current_exe()?);
    valgrind.args(["serve", path.name(), &requests.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
    let run =
        valgrind.output().map_err(|error| format!("valgrind cannot be run, {error}: tests/setup instructions"))?;
    let said = String::from_utf8_lossy(&run.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    match collected {
        Some(instructions) if run.status.success() => Ok(instructions),
        _ => Err(format!("valgrind on {}: {}\n{said}", path.name(), run.status).into()),
    }
}

/// Whether every path costs what it did, which is said of those that do not.
fn is_as_before(before: &Counts, now: &[(String, u64)], out: &mut impl Write) -> io::Result<bool> {
    let mut all = true;
    for (path, count) in now {
        let Some(was) = before.of(path) else {
            writeln!(out, "{path}: not in counts.txt: run with --write")?;
            all = false;
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let percent = (*count as f64 / was as f64 - 1.0) * 100.0;
        if percent.abs() > TOLERANCE {
            writeln!(
                out,
                "{path}: {count} instructions, {was} before: {percent:+.1} %, at most {TOLERANCE} either way. If that is meant, run with --write, and say why in the commit"
            )?;
            all = false;
        }
    }
    Ok(all)
}
