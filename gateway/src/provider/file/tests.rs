//! The file provider on real directories.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::watch::QUIET;
use super::*;

fn router(host: &str) -> String {
    format!("http: {{ routers: {{ r: {{ rule: \"Host(`{host}`)\", service: a }} }} }}\n")
}

fn start(filename: &str, directory: &str, watch: bool) -> mpsc::Receiver<Message> {
    let options = FileProvider {
        filename: filename.into(),
        directory: directory.into(),
        watch,
        ..FileProvider::default()
    };
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(FileWatch::new(&options).run(sender));
    receiver
}

fn start_file(path: &Path) -> mpsc::Receiver<Message> {
    start(path.to_str().unwrap(), "", true)
}

async fn next(receiver: &mut mpsc::Receiver<Message>) -> Result<String, String> {
    let waiting = tokio::time::timeout(Duration::from_secs(10), receiver.recv());
    let message = waiting
        .await
        .expect("no message in time")
        .expect("the provider ended");
    let config = message.config.map_err(|error| error.to_string())?;
    let http = config.http.unwrap_or_default();
    Ok(http
        .routers
        .get("r")
        .map(|router| router.rule.clone())
        .unwrap_or_default())
}

/// Waits until a configuration says what is expected; intermediate ones may come or not.
async fn until(receiver: &mut mpsc::Receiver<Message>, expected: &str) {
    while next(receiver).await.as_deref() != Ok(expected) {}
}

#[tokio::test]
async fn rename_write_in_place_and_link() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("d.yml");
    fs::write(&path, router("a")).unwrap();
    let mut receiver = start_file(&path);
    assert_eq!(next(&mut receiver).await.unwrap(), "Host(`a`)");

    fs::write(&path, router("b")).unwrap();
    until(&mut receiver, "Host(`b`)").await;

    let other = dir.path().join("new");
    fs::write(&other, router("c")).unwrap();
    fs::rename(&other, &path).unwrap();
    until(&mut receiver, "Host(`c`)").await;

    fs::create_dir(dir.path().join("v2")).unwrap();
    fs::write(dir.path().join("v2/d.yml"), router("d")).unwrap();
    symlink("v2/d.yml", &other).unwrap();
    fs::rename(&other, &path).unwrap();
    until(&mut receiver, "Host(`d`)").await;

    // What the link points to now is written in place.
    fs::write(dir.path().join("v2/d.yml"), router("e")).unwrap();
    until(&mut receiver, "Host(`e`)").await;
}

#[tokio::test]
async fn a_broken_file_is_said_and_mended() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("d.toml");
    fs::write(&path, "[http.routers.r]\nrule = 'x'").unwrap();
    let mut receiver = start_file(&path);
    assert_eq!(next(&mut receiver).await.unwrap(), "x");
    fs::write(&path, "[http.routers.r]\nrul = 'y'").unwrap();
    let error = next(&mut receiver).await.unwrap_err();
    assert!(
        error.contains("d.toml:2:1: http.routers.r: unknown key `rul` (did you mean `rule`?)"),
        "{error}"
    );
    fs::write(&path, "[http.routers.r]\nrule = 'z'").unwrap();
    until(&mut receiver, "z").await;
}

#[tokio::test]
async fn a_half_written_file_is_not_reported() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("d.yml");
    fs::write(&path, router("a")).unwrap();
    let mut receiver = start_file(&path);
    next(&mut receiver).await.unwrap();
    fs::write(&path, "http: { routers: {").unwrap();
    tokio::time::sleep(QUIET + SECOND_LOOK / 2).await;
    fs::write(&path, router("b")).unwrap();
    assert_eq!(next(&mut receiver).await.unwrap(), "Host(`b`)");
}

#[tokio::test]
async fn directory_with_a_turned_folder_and_new_files() {
    let dir = TempDir::new().unwrap();
    for (folder, host) in [("d1", "a"), ("d2", "b")] {
        fs::create_dir(dir.path().join(folder)).unwrap();
        fs::write(dir.path().join(folder).join("d.yml"), router(host)).unwrap();
    }
    let dynamic = dir.path().join("dyn");
    fs::create_dir(&dynamic).unwrap();
    symlink("../d1", dynamic.join("..data")).unwrap();
    symlink("..data/d.yml", dynamic.join("d.yml")).unwrap();
    let mut receiver = start("ignored.yml", dynamic.to_str().unwrap(), true);
    assert_eq!(next(&mut receiver).await.unwrap(), "Host(`a`)");

    symlink("../d2", dynamic.join("..tmp")).unwrap();
    fs::rename(dynamic.join("..tmp"), dynamic.join("..data")).unwrap();
    until(&mut receiver, "Host(`b`)").await;

    fs::create_dir(dynamic.join("0")).unwrap();
    fs::write(dynamic.join("0/first.yml"), router("first")).unwrap();
    until(&mut receiver, "Host(`first`)").await;
}

#[tokio::test]
async fn missing_file_appears() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("d.yml");
    let mut receiver = start_file(&path);
    assert!(
        next(&mut receiver)
            .await
            .unwrap_err()
            .contains("cannot be read")
    );
    fs::write(&path, router("a")).unwrap();
    until(&mut receiver, "Host(`a`)").await;
}

#[tokio::test]
async fn nothing_to_read() {
    let mut receiver = start("", "", true);
    assert!(
        next(&mut receiver)
            .await
            .unwrap_err()
            .contains("neither filename nor directory")
    );
    assert!(receiver.recv().await.is_none());
}

#[test]
fn of_one_name_the_first_stays() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("1.yml", &router("one"));
    write(
        "2.toml",
        "[http.routers.r]\nrule = 'two'\n[http.routers.other]\nrule = 'o'",
    );
    write("3.json", "{\"http\": broken");
    write("4.yml", &router("one"));
    write("note.txt", "{");
    let parsed = load(&Place::Directory(dir.path().to_owned()), false).unwrap();
    let routers = parsed.config.http.unwrap().routers;
    assert_eq!(
        (routers["r"].rule.as_str(), routers.len()),
        ("Host(`one`)", 2)
    );
    assert_eq!(parsed.warnings.len(), 1);
    write("5.yml", "http: [");
    write("6.yml", "http: { nothing: {} }");
    let errors = load(&Place::Directory(dir.path().to_owned()), false)
        .unwrap_err()
        .to_string();
    assert!(
        errors.contains("5.yml:") && errors.contains("6.yml:1:9: http: unknown key `nothing`"),
        "{errors}"
    );
}
