use std::fs;

use serde_json::json;

use crate::Example;

/// Signs in, ends the example and starts it again, on the same file: who was signed in still is, and who was not is not.
pub fn survive_a_restart(program: &str) {
    let name = format!("jwt-restart-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    fs::create_dir_all(&directory).expect("the temporary directory is writable");
    let file = directory.join("login.db");
    let start = || Example::start(program, &["--store", file.to_str().expect("its name is ours")]);

    let example = start();
    let (access, refresh_token) = example.log_in();
    let (ended, ended_refresh_token) = example.log_in();
    let logout = json!({"refresh_token": ended_refresh_token});
    assert_eq!(example.post("/auth/logout", &ended, &logout).status, 204);
    // Killed, and not asked to end.
    drop(example);

    let example = start();
    assert_eq!(example.get("/api/me", &access).status, 200, "the same key verifies it");
    assert_eq!(example.get("/api/me", &ended).status, 401, "it is still revoked");
    assert_eq!(example.post("/auth/refresh", "", &logout).status, 400);
    let (access, _) = example.refresh(&refresh_token);
    assert_eq!(example.get("/auth/devices", &access).body.matches("\"id\"").count(), 1);
    drop(example);

    #[cfg(unix)]
    for file in fs::read_dir(&directory).expect("it is there").flatten() {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "others may not read {}", file.path().display());
    }
    fs::remove_dir_all(directory).expect("it is ours");
}
