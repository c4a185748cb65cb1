//! A server as a process, and what is seen of it from outside.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use outside::Process;

use crate::server::{Framework, Planted, Stores};

/// More than that, after the warm-up, is a leak; unless the first third alone is as far from flat.
const GROWTH: f64 = 0.02;
/// So many descriptors more are none: connections come and go.
const DESCRIPTORS: f64 = 3.0;
/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Watched {
    framework: Framework,
    process: Process,
    port: u16,
    live: Arc<AtomicU64>,
    panics: Arc<AtomicU64>,
    last: Sample,
    samples: Vec<Sample>,
}

/// What of a sample is looked at.
type Value = fn(&Sample) -> u64;

#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    /// Bytes.
    resident: u64,
    /// Bytes that the program has asked for and not given back.
    live: u64,
    descriptors: u64,
}

impl Watched {
    pub(crate) fn start(
        framework: Framework,
        stores: &Stores,
        planted: Option<Planted>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut command = outside::command(std::env::current_exe()?);
        command.args(["serve", framework.name(), &stores.redis, &stores.postgres, &stores.keys]);
        if let Some(planted) = planted {
            command.args(["--plant", planted.name()]);
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut process = Process(process);
        let (live, panics) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (ports, port) = mpsc::channel();
        let theirs = live.clone();
        listen(process.stdout.take(), move |line| {
            if let Some(bytes) = line.strip_prefix("live ").and_then(|bytes| bytes.parse().ok()) {
                theirs.store(bytes, Ordering::Relaxed);
            } else if let Some(port) = line.strip_prefix("port ").and_then(|port| port.parse().ok()) {
                let _ = ports.send(port);
            }
        });
        let theirs = panics.clone();
        listen(process.stderr.take(), move |line| {
            if line.contains("panicked at") {
                theirs.fetch_add(1, Ordering::Relaxed);
            }
            let _ = writeln!(io::stderr(), "{}: {line}", framework.name());
        });
        let port = port.recv_timeout(PATIENCE).map_err(|_| format!("{} does not start", framework.name()))?;
        Ok(Self { framework, process, port, live, panics, last: Sample::default(), samples: Vec::new() })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Looks at it; it counts after the warm-up.
    pub(crate) fn sample(&mut self, counts: bool) -> Result<(), Box<dyn Error>> {
        if let Some(status) = self.process.try_wait()? {
            return Err(format!("{} ended by itself: {status}", self.framework.name()).into());
        }
        let own = format!("/proc/{}", self.process.id());
        let status = fs::read_to_string(format!("{own}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        self.last = Sample {
            resident: kibibytes.ok_or("no VmRSS in /proc")? * 1024,
            live: self.live.load(Ordering::Relaxed),
            descriptors: u64::try_from(fs::read_dir(format!("{own}/fd"))?.count())?,
        };
        if counts {
            self.samples.push(self.last);
        }
        Ok(())
    }

    /// What was seen, and whether it is flat and nothing panicked.
    pub(crate) fn verdict(&self) -> (String, bool) {
        let panics = self.panics.load(Ordering::Relaxed);
        let mark = |good: bool| if good { ' ' } else { '!' };
        let mut good = panics == 0;
        let mut text = format!("{}\n{panics:>12}{} panics\n", self.framework.name(), mark(good));
        let third = self.samples.len() / 3;
        let (first, last) = (&self.samples[..third], &self.samples[self.samples.len() - third..]);
        let rows: [(&str, Value); 3] = [
            ("KiB alive", |one| one.live),
            ("KiB resident", |one| one.resident),
            ("descriptors", |one| one.descriptors),
        ];
        for (what, value) in rows {
            let [low, before, high] = [0.25, 0.5, 0.75].map(|part| quantile(first, part, value));
            let after = quantile(last, 0.5, value);
            let growth = after / before - 1.0;
            let spread = (high - low) / before;
            let few = what == "descriptors" && after - before <= DESCRIPTORS;
            // Where there is no number at all, it is not flat.
            let flat = growth <= GROWTH.max(spread) || few;
            let unit = if what == "descriptors" { 1.0 } else { 1024.0 };
            let (before, after) = (before / unit, after / unit);
            good &= flat;
            let (percent, spread) = (growth * 100.0, spread * 50.0);
            let _ = writeln!(
                text,
                "{after:>12.0}{} {what} in the last third, {before:.0} ± {spread:.1} % in the first after the warm-up: {percent:+.1} %",
                mark(flat)
            );
        }
        (text, good)
    }
}

/// The value that this part of the samples is below.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no process has that many"
)]
fn quantile(samples: &[Sample], part: f64, value: Value) -> f64 {
    let mut values: Vec<u64> = samples.iter().map(value).collect();
    values.sort_unstable();
    values.get((values.len() as f64 * part) as usize).map_or(f64::NAN, |value| *value as f64)
}

fn listen(stream: Option<impl Read + Send + 'static>, mut each: impl FnMut(&str) + Send + 'static) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            each(&line);
        }
    });
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sample { resident, live, descriptors } = self.last;
        let (resident, live) = (resident / 1024, live / 1024);
        write!(f, "{:<5} {resident} KiB resident, {live} KiB alive, {descriptors} descriptors", self.framework.name())
    }
}
