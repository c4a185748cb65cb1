//! Benchmarks of `jwt-tower`, `jwt-actix` and the core of both, beside other crates, in one process.

mod actix;
mod alloc;
mod bar;
mod chart;
mod core;
mod dpop;
mod http;
mod measure;
mod ours;
mod recipe;
mod report;
mod scale;
mod tokens;
mod tower;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::{env, fs};

use measure::{Id, Row, measure};
use report::Report;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

const HELP: &str = "\
Measures what it costs to authenticate a request, beside other crates, in one process.

usage: cargo run --release --manifest-path tests/peers/Cargo.toml -- [options]

  --json FILE      write the rows to FILE as well
  --only PATTERN   only the rows whose layer/algorithm/implementation/mode contains PATTERN,
                   for example `core/HS256`, `ours` or `http/`. Given again: those as well.
                   The chart is drawn if all of its rows are among them
  --help           this text
";

#[derive(Default)]
struct Options {
    json: Option<PathBuf>,
    only: Vec<String>,
}

/// The options; none where only the help is wanted.
fn options(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match &*argument {
            "--json" => options.json = Some(value()?.into()),
            "--only" => options.only.push(value()?),
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("unknown option {argument}")),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    match options(env::args().skip(1)) {
        Ok(Some(options)) => match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("cannot write: {error}");
                ExitCode::FAILURE
            }
        },
        Ok(None) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprint!("{error}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

impl Options {
    fn wants(&self, id: &Id) -> bool {
        let id = id.to_string();
        self.only.is_empty() || self.only.iter().any(|only| id.contains(only))
    }

    fn wants_all_of(&self, layer: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| *only == format!("{layer}/"))
    }

    /// False where each pattern begins with the name of another layer, so that this one need not even be set up.
    fn wants_layer(&self, layer: &str) -> bool {
        let is_of_another = |only: &String| {
            let begins_with = |other: &str| only.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'));
            LAYERS.into_iter().any(|other| other != layer && begins_with(other))
        };
        self.only.is_empty() || !self.only.iter().all(is_of_another)
    }
}

const LAYERS: [&str; 6] = [core::LAYER, tower::LAYER, actix::LAYER, dpop::LAYER, scale::LAYER, http::LAYER];

fn run(options: &Options) -> std::io::Result<()> {
    recipe::install_provider();
    let report = Report::new(LAYERS.into_iter().flat_map(|layer| rows(layer, options)).collect());
    report.print();
    bar::print(&report);
    if let Some(path) = &options.json {
        report.write_json(path)?;
    }
    match chart::svg(&report) {
        Some(svg) if options.wants_all_of(tower::LAYER) => {
            fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/chart.svg"), svg)
        }
        _ => Ok(()),
    }
}

fn rows(layer: &str, options: &Options) -> Vec<Row> {
    if !options.wants_layer(layer) {
        return Vec::new();
    }
    eprintln!("{layer} …");
    let cases = match layer {
        core::LAYER => core::cases(),
        tower::LAYER => tower::cases(&runtime()),
        actix::LAYER => actix::cases(),
        dpop::LAYER => return dpop::rows(&runtime(), |id| options.wants(id)),
        scale::LAYER => return scale::rows(|id| options.wants(id)),
        _ => return http::rows(|id| options.wants(id)),
    };
    measure(cases.into_iter().filter(|case| options.wants(&case.id)).collect())
}

fn runtime() -> Rc<tokio::runtime::Runtime> {
    Rc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"))
}
