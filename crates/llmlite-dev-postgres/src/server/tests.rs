use std::{fs, net::TcpStream};

use super::*;

fn answers(url: &str) -> bool {
    let address = url
        .rsplit('@')
        .next()
        .and_then(|rest| rest.split('/').next());
    TcpStream::connect(address.unwrap()).is_ok()
}

fn ephemeral() -> Server {
    Server::start(Options {
        data_dir: DataDir::Ephemeral,
        durable: false,
    })
    .unwrap()
}

#[test]
fn an_ephemeral_server_leaves_nothing_behind() {
    let server = ephemeral();
    let (url, folder) = (server.url(), server.folder().to_owned());
    assert!(answers(&url));
    server.stop().unwrap();
    assert!(!answers(&url));
    assert!(!folder.exists());
}

#[test]
fn a_server_that_is_dropped_stops() {
    let server = ephemeral();
    let url = server.url();
    drop(server);
    assert!(!answers(&url));
}

#[test]
fn the_data_of_a_run_that_was_killed_are_found_again() {
    let wanted = ephemeral_root();
    let options = Options {
        data_dir: DataDir::Kept(wanted.clone()),
        durable: true,
    };
    let mut first = Server::start(options.clone()).unwrap();
    let (mut child, mut guardian) = first.running.take().unwrap();
    // Both gone without a word: the server of a killed run that nobody has stopped.
    guardian.kill().unwrap();
    guardian.wait().unwrap();
    let mark = first.folder().join("data/mark");
    fs::write(&mark, "kept").unwrap();

    let second = Server::start(options).unwrap();
    child.wait().unwrap();
    assert!(answers(&second.url()));
    assert!(mark.exists());
    let folder = second.folder().to_owned();
    // Erasing stops the server by itself.
    Server::erase(&wanted).unwrap();
    assert!(!answers(&second.url()));
    assert!(!folder.exists());
    Server::erase(&wanted).unwrap();
}

#[test]
fn the_guardian_stops_the_server_when_its_owner_is_gone() {
    let mut server = ephemeral();
    let (mut child, mut guardian) = server.running.take().unwrap();
    // What the kernel does when the owner is killed.
    drop(guardian.stdin.take());
    guardian.wait().unwrap();
    child.wait().unwrap();
    assert!(!answers(&server.url()));
    server.cluster.remove().unwrap();
}
