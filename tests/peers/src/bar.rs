//! The bar: what we want of ourselves, as ratios of what was just measured.

use jwt_core::Algorithm;

use crate::measure::{Id, LONGER, Row};
use crate::ours::{self, CACHE_BOUND, Mode};
use crate::report::Report;
use crate::scale::{self, FLOODED, GROWN_BYTES, MANY_TOKENS, QUIET};
use crate::tower::{EMPTY_LAYER, HANDOVER};
use crate::{actix, core, dpop, http, tower};

enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// Of interest, and not promised.
    None,
}

struct Bar {
    name: String,
    /// None where a row that it needs was not measured.
    value: Option<f64>,
    target: Target,
    /// The rounds were further apart than the target from what it is about: good or bad, it may be chance.
    noisy: bool,
}

impl Bar {
    fn at_most(name: impl Into<String>, value: Option<f64>, target: f64) -> Self {
        Self { name: name.into(), value, target: Target::AtMost(target), noisy: false }
    }

    fn at_least(name: impl Into<String>, value: Option<f64>, target: f64) -> Self {
        Self { name: name.into(), value, target: Target::AtLeast(target), noisy: false }
    }

    fn print(&self) {
        let value = self.value.map_or("not measured".to_owned(), number);
        let (target, met) = match self.target {
            Target::AtMost(target) => (format!("<= {}", number(target)), self.value.map(|value| value <= target)),
            Target::AtLeast(target) => (format!(">= {}", number(target)), self.value.map(|value| value >= target)),
            Target::None => (String::new(), None),
        };
        let verdict = match met {
            Some(true) => "ok",
            Some(false) => "MISSED",
            None => "",
        };
        let noisy = if self.noisy { " (noisy)" } else { "" };
        println!("  {:<58} {value:>12}  {target:<9} {verdict}{noisy}", self.name);
    }
}

/// Ratios with three digits behind the point, numbers of something with one.
fn number(value: f64) -> String {
    if value.abs() < 20.0 && value.fract() != 0.0 { format!("{value:.3}") } else { format!("{value:.1}") }
}

pub(crate) fn print(report: &Report) {
    println!("\nbar");
    let bars = [
        core_bars(report),
        adapter_bars(report),
        peer_bars(report),
        dpop_bars(report),
        http_bars(report),
        scale_bars(report),
    ];
    for bar in bars.iter().flatten() {
        bar.print();
    }
}

fn ratio(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one? / other?)
}

fn core_bars(report: &Report) -> Vec<Bar> {
    let row = |algorithm: Algorithm, implementation: &str, mode: Mode| {
        report.row(&Id::new(core::LAYER, algorithm.as_str(), implementation, mode.name()))
    };
    let cold = |algorithm, other: &str, target| {
        let value = ratio(ns(row(algorithm, "ours", Mode::Cold)), ns(row(algorithm, other, Mode::Cold)));
        Bar::at_most(format!("core {algorithm}: cold / {other}"), value, target)
    };
    let mut bars = vec![
        cold(Algorithm::HS256, core::FLOOR, 1.15),
        cold(Algorithm::RS256, "raw", 1.03),
        cold(Algorithm::ES256, "raw", 1.03),
        cold(Algorithm::EdDSA, "raw", 1.03),
        cold(Algorithm::HS256, "jsonwebtoken", 0.36),
    ];
    for algorithm in core::ALGORITHMS {
        let cached = row(algorithm, "ours", Mode::Cached);
        let allocations = cached.and_then(|row| row.allocations);
        bars.push(Bar::at_most(format!("core {algorithm}: cached, ns"), ns(cached), 180.0));
        bars.push(Bar::at_most(format!("core {algorithm}: cached, allocations"), allocations, 0.0));
    }
    bars
}

fn adapter_bars(report: &Report) -> Vec<Bar> {
    let mut bars = Vec::new();
    for (layer, most_ns, allocations) in [(tower::LAYER, 350.0, 3.0), (actix::LAYER, 450.0, 4.0)] {
        for algorithm in ["HS256", "RS256"] {
            let row = report.row(&Id::new(layer, algorithm, "ours", Mode::Cached.name()));
            let over = row.and_then(|row| report.over_bare(row));
            let name = format!("{layer} {algorithm}: cached over bare");
            bars.push(Bar::at_most(format!("{name}, ns"), over.map(|over| over.0), most_ns));
            bars.push(Bar::at_most(format!("{name}, allocations"), over.map(|over| over.1), allocations));
        }
        if layer == tower::LAYER {
            let cached = report.row(&Id::new(layer, "HS256", "ours", Mode::Cached.name()));
            let handover = report.row(&Id::new(layer, "HS256", HANDOVER, "cold"));
            let over = ns(cached).zip(ns(handover)).map(|(ours, theirs)| ours - theirs);
            bars.push(Bar::at_most(format!("{layer} HS256: cached over {HANDOVER}, ns"), over, 120.0));
        }
        let guarded = report.row(&Id::new(layer, "HS256", ours::GUARDED, Mode::Cached.name()));
        let longer = guarded.and_then(|row| extra(row, LONGER));
        bars.push(Bar::at_most(format!("{layer} HS256: one scope guard, cached, ns"), longer, 60.0));
    }
    bars
}

fn peer_bars(report: &Report) -> Vec<Bar> {
    let mut bars = Vec::new();
    for (algorithm, cold, cached) in [("HS256", 0.40, 0.09), ("RS256", 0.78, 0.015)] {
        let is_peer = |row: &&Row| {
            let id = &row.id;
            (id.layer, id.algorithm) == (tower::LAYER, algorithm)
                && !matches!(&*id.implementation, "bare" | tower::BARE_07 | EMPTY_LAYER | HANDOVER)
                && !ours::is_ours(&id.implementation)
        };
        let peers = report.rows().iter().filter(is_peer);
        let best = peers.filter_map(|row| Some((report.over_bare(row)?.0, row))).min_by(|a, b| a.0.total_cmp(&b.0));
        for (mode, target) in [(Mode::Cold, cold), (Mode::Cached, cached)] {
            let ours = report.row(&Id::new(tower::LAYER, algorithm, "ours", mode.name()));
            let ours = ours.and_then(|row| report.over_bare(row)).map(|over| over.0);
            let name = best.map_or("best peer", |(_, row)| &row.id.implementation);
            let value = ratio(ours, best.map(|best| best.0));
            bars.push(Bar::at_most(
                format!("tower {algorithm}: {} over bare / {name} over bare", mode.name()),
                value,
                target,
            ));
        }
    }
    bars
}

fn dpop_bars(report: &Report) -> Vec<Bar> {
    let mut bars = Vec::new();
    for algorithm in dpop::ALGORITHMS {
        let row = |name: &str| report.row(&dpop::id(algorithm, name));
        let over = |name: &str| row(name).and_then(|row| report.over_bare(row)).map(|over| over.0);
        let raw = ns(row(dpop::RAW));
        let more = |whole: Option<f64>| Some(whole? - raw?);
        bars.push(Bar::at_most(
            format!("dpop {algorithm}: core - raw signature, ns"),
            more(ns(row(dpop::CORE))),
            2000.0,
        ));
        bars.push(Bar {
            name: format!("dpop {algorithm}: over bare - raw signature, ns"),
            value: more(over("ours")),
            target: Target::None,
            noisy: false,
        });
        for peer in dpop::PEERS {
            let value = ratio(over("ours"), over(peer));
            bars.push(Bar::at_most(format!("dpop {algorithm}: over bare / {peer} over bare"), value, 0.6));
        }
    }
    let [few, many] = [dpop::EMPTY, dpop::FULL].map(|name| report.row(&dpop::memory_id(name)));
    let bytes = many.and_then(|row| extra(row, dpop::BYTES_A_PROOF));
    bars.push(Bar::at_most(format!("dpop: bytes a proof, at {}", dpop::LIVE_PROOFS), bytes, 64.0));
    bars.push(Bar::at_most("dpop: request beside a million proofs / beside few", ratio(ns(many), ns(few)), 1.3));
    bars
}

fn http_bars(report: &Report) -> Vec<Bar> {
    let mut bars = Vec::new();
    for framework in ["axum", "actix"] {
        for (algorithm, over_raw) in [("HS256", 1.20), ("RS256", 1.04)] {
            let row = |name: &str, mode: Mode| {
                ns(report.row(&Id::new(http::LAYER, algorithm, format!("{framework} {name}"), mode.name())))
            };
            let name = format!("http {framework} {algorithm}: CPU time");
            let cached = ratio(row("ours", Mode::Cached), row("bare", Mode::Cold));
            bars.push(Bar::at_most(format!("{name}, cached / bare"), cached, 1.06));
            let cold = ratio(row("ours", Mode::Cold), row(http::RAW, Mode::Cold));
            bars.push(Bar::at_most(format!("{name}, cold / raw"), cold, over_raw));
        }
    }
    bars
}

fn scale_bars(report: &Report) -> Vec<Bar> {
    let row = |what: &str, mode| report.row(&scale::id(what, mode));
    let [one, two] = [1, 2].map(|count| ns(row(&scale::threads_name(count), Mode::Cached)));
    let apart = ns(row(scale::APART, Mode::Cached));
    let [few, many] = [1, 1000].map(|count| ns(row(&scale::keys_name(count), Mode::Cold)));
    let grown = row(&scale::many_tokens_name(), Mode::Cached).and_then(|row| extra(row, GROWN_BYTES));
    // What is shared takes what, of the line above.
    let explained = |two: String, one: String| Bar {
        value: ratio(ns(row(&one, Mode::Cached)), ns(row(&two, Mode::Cached))),
        name: format!("scale: {two} / 1 thread"),
        target: Target::None,
        noisy: false,
    };
    let twice = |tokens: usize| {
        let [one, two] = [1, 2].map(|threads| ns(row(&scale::sharing_name(threads, tokens), Mode::Cached)));
        let name = format!("scale: {} / 1 thread, throughput", scale::sharing_name(2, tokens));
        Bar::at_least(name, ratio(one, two), 1.85)
    };
    let mut bars = vec![
        Bar::at_least("scale: 2 threads, 64 hot tokens / 1 thread, throughput", ratio(one, two), 1.85),
        Bar {
            name: "scale: 2 threads that share nothing / 1 thread, cached".to_owned(),
            value: ratio(one, apart),
            target: Target::None,
            noisy: false,
        },
        twice(1),
        twice(1000),
        explained(scale::own_tokens_name(2), scale::own_tokens_name(1)),
        explained(scale::COUNTING[1].to_owned(), scale::COUNTING[0].to_owned()),
        Bar::at_most("scale: 1000 keys / 1 key, cold", ratio(many, few), 1.05),
        Bar {
            name: "scale: beside a flood / without, cached".to_owned(),
            value: ratio(ns(row(FLOODED, Mode::Cached)), ns(row(QUIET, Mode::Cached))),
            target: Target::None,
            noisy: false,
        },
    ];
    bars.push(match CACHE_BOUND {
        Some(bound) => {
            let value = grown.map(|grown| grown / bound as f64);
            Bar::at_most(format!("scale: memory grown by {MANY_TOKENS} tokens / bound"), value, 1.3)
        }
        None => Bar {
            name: format!("scale: memory grown by {MANY_TOKENS} tokens, bytes (no bound is set)"),
            value: grown,
            target: Target::None,
            noisy: false,
        },
    });
    bars
}

fn ns(row: Option<&Row>) -> Option<f64> {
    row.map(|row| row.ns)
}

fn extra(row: &Row, name: &str) -> Option<f64> {
    row.extra.iter().find(|extra| extra.0 == name).map(|extra| extra.1)
}
