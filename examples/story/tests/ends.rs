//! However the story ends, nothing that it started goes on without it.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use outside::Process;

/// How long something may take that is certain to come: far more than it does on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The processes of that group which live.
fn members(group: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("this is Linux").flatten();
    let processes = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    processes
        .filter_map(|process| {
            // Number, (name), state, parent, group, and much else.
            let (name, rest) = process.rsplit_once(") ")?;
            let mut rest = rest.split(' ');
            (rest.next()? != "Z" && rest.nth(1)? == group).then(|| format!("{name})"))
        })
        .collect()
}

/// Starts the story with each balancer, sends the signal to it alone, and waits until nobody of its process group lives.
fn ends(signal: &str) {
    let _shared = crate::MACHINE.blocking_read();
    for balancer in ["haproxy", "nginx"] {
        if !outside::is_there(outside::is_installed(balancer), balancer, "tests/setup story") {
            continue;
        }
        let mut story = outside::command(env!("CARGO_BIN_EXE_story"))
            .args(["--port", "0", "--balancer", balancer])
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .map(Process)
            .expect("the example starts");
        let group = story.id().to_string();
        let mut line = String::new();
        BufReader::new(story.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where it is");
        assert_eq!(members(&group).len(), 2, "the story and its balancer: {:?}", members(&group));

        assert!(Command::new("kill").args([signal, &group]).status().expect("kill is there").success());
        let status = story.wait().expect("it is our own process");
        assert_eq!(status.success(), signal != "-KILL", "{signal}, {balancer}: {status}");
        let start = Instant::now();
        while !members(&group).is_empty() {
            assert!(start.elapsed() < PATIENCE, "goes on after {signal}: {:?}", members(&group));
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_balancer_ends_with_the_story() {
    ["-INT", "-TERM", "-HUP"].into_iter().for_each(ends);
}

#[test]
fn a_balancer_ends_even_with_a_story_that_was_killed() {
    if outside::is_there(outside::is_installed("setpriv"), "setpriv", "apt-get install util-linux") {
        ends("-KILL");
    }
}
