use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A directory with a target whose server is the reference, with that fault.
fn target(name: &str, fault: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let kit = env!("CARGO_BIN_EXE_jwt-conformance");
    let fault = if fault.is_empty() { String::new() } else { format!(" --fault {fault}") };
    let text = format!(
        "url = \"http://127.0.0.1:0/a\"\n[server]\nstart = \"exec {kit} reference{fault}\"\n[tokens]\naudience = \"api\"\nalgorithms = [\"ES256\"]\n\
         [settings.cookie]\ncookie = {{ name = \"sid\" }}\n"
    );
    fs::write(directory.join("target.toml"), text).unwrap();
    directory
}

fn kit(directory: &PathBuf, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jwt-conformance")).args(arguments).current_dir(directory).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_good_server_passes_in_each_of_its_settings_and_the_reports_say_so() {
    let directory = target("good", "");
    let arguments =
        ["run", "--only", "bearer", "--only", "cookie", "--json", "a.json", "--junit", "a.xml", "--html", "a.html"];
    let output = kit(&directory, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("setting cookie"), "{}", said(&output));
    let json: serde_json::Value = serde_json::from_slice(&fs::read(directory.join("a.json")).unwrap()).unwrap();
    assert_eq!((&json["failed"], &json["cases"][0]["id"]), (&0.into(), &"bearer.good".into()));
    assert!(fs::read_to_string(directory.join("a.xml")).unwrap().contains("failures=\"0\""));
    let html = fs::read_to_string(directory.join("a.html")).unwrap();
    assert!(html.contains("bearer.good") && !html.contains("src=") && !html.contains("@import"), "it loads something");
}

#[test]
fn a_failure_is_status_1_until_the_baseline_knows_it() {
    let directory = target("baseline", "alg-none");
    let output = kit(&directory, &["run", "--only", "jws.none"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("RFC 8725 §3.1 (MUST): accepted"), "{}", said(&output));
    let write = ["run", "--only", "jws.none", "--baseline", "known.txt", "--write-baseline"];
    assert_eq!(kit(&directory, &write).status.code(), Some(0));
    let known = ["run", "--only", "jws.none", "--baseline", "known.txt"];
    assert_eq!(kit(&directory, &known).status.code(), Some(0));
    let new = ["run", "--only", "jws.none", "--only", "jws.none-signed", "--baseline", "known.txt"];
    assert_eq!(kit(&directory, &new).status.code(), Some(1), "the other one is new");
}

#[test]
fn a_server_that_refuses_a_good_token_is_not_judged() {
    let output = kit(&target("refuses", "serves-nobody"), &["run", "--only", "jws"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("curl -i"), "{}", said(&output));
}

#[test]
fn a_server_elsewhere_is_attacked_only_by_its_owner() {
    let directory = target("elsewhere", "");
    let text = "url = \"http://192.0.2.1/a\"\n[tokens]\naudience = \"api\"\nalgorithms = [\"ES256\"]\n";
    fs::write(directory.join("target.toml"), text).unwrap();
    let output = kit(&directory, &["run"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("--i-own-this-server"), "{}", said(&output));
}

#[test]
fn a_case_is_explained_without_a_server() {
    let output = kit(&target("explained", ""), &["explain", "jws.none"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for part in ["RFC 8725 §3.1 (MUST)", "GET /a HTTP/1.1", "curl -i", "allowed: 4xx", "\"alg\":\"none\""] {
        assert!(said(&output).contains(part), "{part}: {}", said(&output));
    }
}

/// `init` with these answers.
fn init(name: &str, answers: &str) -> (PathBuf, Output) {
    let directory = target(name, "");
    fs::remove_file(directory.join("target.toml")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_jwt-conformance"))
        .arg("init")
        .current_dir(&directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (directory, output)
}

#[test]
fn what_a_server_has_is_asked_for_and_each_group_of_it_applies_then() {
    let all = "cookie,scope,metadata,step_up,dpop,introspection,forward_auth,mcp,grpc,mtls";
    let (directory, output) = init("init", &format!("\n\n\n\n\n\n-\n{all}\n{}", "\n".repeat(20)));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = fs::read_to_string(directory.join("target.toml")).unwrap();
    for table in all.split(',') {
        assert!(text.contains(&format!("[{table}]\n")), "{table}: {text}");
    }
    assert!(text.contains("[dpop]\nmax_age = 300\n"), "{text}");
    let explained = kit(&directory, &["explain", "introspection.aud-other"]);
    for part in ["asked at /introspect", "\"aud\":\"https://other.example\"", "Authorization: Bearer kit-opaque-"] {
        assert!(said(&explained).contains(part), "{part}: {}", said(&explained));
    }
    let explained = kit(&directory, &["explain", "dpop.htm-other"]);
    for part in ["header and claims of the proof", "\"htm\":\"POST\"", "Authorization: DPoP ey"] {
        assert!(said(&explained).contains(part), "{part}: {}", said(&explained));
    }
    let explained = kit(&directory, &["explain", "grpc.none"]);
    assert!(said(&explained).contains(":path: /kit.Kit/Serve"), "{}", said(&explained));
}

#[test]
fn an_answer_that_init_does_not_understand_is_named() {
    for (answers, named) in
        [("\n\n\n\n\n\n-\nsoap\n", "\"soap\" is none of"), ("\n\n\n\n\n\n-\ndpop\nperhaps\n", "\"perhaps\"")]
    {
        let (directory, output) = init("init-odd", answers);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(named), "{}", said(&output));
        assert!(!directory.join("target.toml").exists());
    }
}
