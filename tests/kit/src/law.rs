//! The law of the kit: the reference passes every case, each planted fault is caught by the cases that it names, and every
//! case catches at least one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use crate::case::Case;
use crate::groups;
use crate::keys::{ALGORITHMS, Keys};
use crate::provider::Provider;
use crate::reference::{FAULTS, Reference};
use crate::run::{Restart, Runner, Verdict};
use crate::target::Target;
use crate::world::World;

static KEYS: LazyLock<Arc<Keys>> = LazyLock::new(|| {
    let algorithms: Vec<&'static str> = ALGORITHMS.into_iter().filter(|name| !name.starts_with("HS")).collect();
    Arc::new(Keys::new(&algorithms).expect("keys are made"))
});

fn targets() -> Vec<Target> {
    Target::parse(include_str!("../example.toml"), Path::new("")).expect("the example is good")
}

/// What `act` sees of a reference with that fault.
fn with<R>(target: Target, keys: &Arc<Keys>, fault: &'static str, act: impl FnOnce(&mut Runner<'_>) -> R) -> R {
    let provider = Provider::start(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is free");
    let world = World::new(target, Arc::clone(keys), provider).expect("keys are made");
    let mut server: Option<Arc<Reference>> = None;
    let restart: Restart<'_> = Box::new(|world: &mut World| {
        if let Some(old) = server.take() {
            old.stop();
        }
        let new = Reference::start(&world.target, &world.keys, &world.provider.url(), (0, 0), fault)?;
        if let (Some(address), Some(mtls)) = (new.tls_address, &mut world.target.mtls)
            && let Some(place) = &mut mtls.place
        {
            place.address = address;
            place.host = address.to_string();
        }
        if let Some(place) = &mut world.target.place {
            place.address = new.address;
            place.host = new.address.to_string();
        }
        server = Some(new);
        Ok(())
    });
    let mut runner = Runner { world, restart: Some(restart), hurry: Some(Duration::from_secs(4)) };
    runner.world.reset();
    if let Some(restart) = &mut runner.restart {
        restart(&mut runner.world).expect("it starts");
    }
    act(&mut runner)
}

/// The first setting of the example that has the case.
fn target_of(case: &Case) -> Target {
    let fits = |target: &&Target| {
        groups::applies(case.group, target).is_ok() && case.applies.is_none_or(|applies| applies(target).is_ok())
    };
    let targets = targets();
    targets.iter().find(fits).unwrap_or_else(|| panic!("the example has no setting for {}", case.id)).clone()
}

/// Most of them wait for something.
fn beside<T: Send>(mut all: Vec<T>, act: impl Fn(T) + Sync) {
    all.reverse();
    let all = Mutex::new(all);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let next = all.lock().expect("nobody panics with it").pop();
                    match next {
                        Some(one) => act(one),
                        None => break,
                    }
                }
            });
        }
    });
}

#[test]
fn the_reference_passes_every_case() {
    let mut runs: Vec<(Target, Vec<Case>)> = Vec::new();
    for case in groups::all() {
        let target = target_of(&case);
        match runs.iter_mut().find(|(known, cases)| known.setting == target.setting && cases[0].group == case.group) {
            Some((_, cases)) => cases.push(case),
            None => runs.push((target, vec![case])),
        }
    }
    // Certificates are shown in two ways.
    for target in targets().into_iter().filter(|target| target.mtls.is_some()) {
        let applies = |case: &Case| case.applies.is_none_or(|applies| applies(&target).is_ok());
        let cases = groups::cases("mtls").into_iter().filter(applies).collect();
        runs.push((target, cases));
    }
    let wrong = Mutex::new(Vec::new());
    beside(runs, |(target, cases)| {
        with(target, &KEYS, "", |runner| {
            for outcome in runner.group(cases, |_| ()) {
                if outcome.verdict != Verdict::Passed {
                    wrong.lock().unwrap().push(format!("{}: {:?}", outcome.case.id, outcome.verdict));
                }
            }
        });
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reference_passes_with_secrets_and_with_cookies_alone() {
    let text = "url = \"http://127.0.0.1:3000/\"\n[tokens]\naudience = \"api\"\nalgorithms = [\"HS256\", \"HS512\"]\nleeway = 30\n\
                [keys]\ndelivery = \"secret\"\n[cookie]\nname = \"sid\"\nonly = true\nunsafe_method = \"DELETE\"\n";
    let target = Target::parse(text, Path::new("")).unwrap().remove(0);
    let keys = Arc::new(Keys::new(&["HS256", "HS512"]).unwrap());
    with(target, &keys, "", |runner| {
        for group in ["answers", "jws", "claims", "times", "json", "cookie", "robust"] {
            for outcome in runner.group(groups::cases(group), |_| ()) {
                let failed = matches!(outcome.verdict, Verdict::Failed(..));
                assert!(!failed, "{}: {:?}", outcome.case.id, outcome.verdict);
            }
        }
    });
}

#[test]
fn the_reference_passes_where_it_takes_one_kind_of_token_alone() {
    let text = "url = \"http://127.0.0.1:3000/a\"\n[tokens]\naudience = \"api\"\nalgorithms = [\"ES256\"]\n";
    for (table, groups) in [
        ("[dpop]\nonly = true\nnonce = true\n", &["answers", "jws", "claims", "times", "json", "dpop", "robust"][..]),
        ("[introspection]\nonly = true\n", &["bearer", "answers", "introspection"][..]),
        ("[mcp]\nonly = true\n", &["bearer", "answers", "jws", "claims", "times", "json", "mcp", "robust"][..]),
        ("[mtls]\nonly = true\nurl = \"https://127.0.0.1:3443/a\"\n", &["mtls"][..]),
    ] {
        let target = Target::parse(&format!("{text}{table}"), Path::new("")).unwrap().remove(0);
        let applying: Vec<&str> = groups::NAMES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| groups::applies(name, &target).is_ok() && *name != "keys")
            .collect();
        assert_eq!(applying.iter().collect::<BTreeSet<_>>(), groups.iter().collect::<BTreeSet<_>>());
        let keys = Arc::new(Keys::new(&["ES256"]).unwrap());
        with(target, &keys, "", |runner| {
            for group in groups {
                for outcome in runner.group(groups::cases(group), |_| ()) {
                    let failed = matches!(outcome.verdict, Verdict::Failed(..));
                    assert!(!failed, "{table}{}: {:?}", outcome.case.id, outcome.verdict);
                }
            }
        });
    }
}

#[test]
fn every_planted_fault_is_caught_by_the_cases_that_it_names() {
    let cases: BTreeMap<&str, Case> = groups::all().into_iter().map(|case| (case.id, case)).collect();
    let unknown: Vec<_> =
        FAULTS.iter().flat_map(|fault| fault.caught_by).filter(|id| !cases.contains_key(*id)).collect();
    assert!(unknown.is_empty(), "no such cases: {unknown:?}");
    let idle: Vec<_> = FAULTS.iter().filter(|fault| fault.caught_by.is_empty()).map(|fault| fault.name).collect();
    assert!(idle.is_empty(), "faults that no case catches: {idle:?}");
    let missed = Mutex::new(Vec::new());
    let cases = &cases;
    beside(FAULTS.iter().collect(), |fault| {
        let mut runs: Vec<(Target, Vec<&Case>)> = Vec::new();
        for case in fault.caught_by.iter().map(|id| &cases[id]) {
            let target = target_of(case);
            match runs.iter_mut().find(|(known, _)| known.setting == target.setting) {
                Some((_, cases)) => cases.push(case),
                None => runs.push((target, vec![case])),
            }
        }
        for (target, cases) in runs {
            with(target, &KEYS, fault.name, |runner| {
                for case in cases {
                    let (verdict, _) = runner.case(case);
                    if !matches!(verdict, Verdict::Failed(..)) {
                        let text = format!("{} is not caught by {}: {verdict:?}", fault.name, case.id);
                        missed.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_case_catches_a_planted_fault() {
    let caught: BTreeSet<&str> = FAULTS.iter().flat_map(|fault| fault.caught_by.iter().copied()).collect();
    let idle: Vec<&str> = groups::all().iter().map(|case| case.id).filter(|id| !caught.contains(id)).collect();
    assert!(idle.is_empty(), "no planted fault fails these cases, so nobody knows what they are good for: {idle:?}");
}

#[test]
fn no_two_cases_and_no_two_faults_have_one_name() {
    let ids: Vec<&str> = groups::all().iter().map(|case| case.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert_eq!(FAULTS.iter().map(|fault| fault.name).collect::<BTreeSet<_>>().len(), FAULTS.len());
}
