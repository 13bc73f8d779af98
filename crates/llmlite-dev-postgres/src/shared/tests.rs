use std::{env, fs, net::TcpStream, process, thread, time::Duration};

use super::*;

fn answers(url: &str) -> bool {
    let address = url
        .rsplit('@')
        .next()
        .and_then(|rest| rest.split('/').next());
    TcpStream::connect(address.unwrap()).is_ok()
}

#[test]
fn a_shared_server_is_started_once_and_stops_after_its_last_user() {
    let folder = env::temp_dir().join(format!("llmlite-shared-{}", process::id()));
    let first = Shared::join(&folder).unwrap();
    let second = Shared::join(&folder).unwrap();
    assert!(first.started());
    assert!(!second.started());
    assert_eq!(first.url(), second.url());
    let url = first.url();
    drop(first);
    assert!(answers(&url));
    drop(second);
    for _ in 0..600 {
        if !answers(&url) {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert!(!answers(&url));
    fs::remove_dir_all(Account::choose().unwrap().place(&folder)).unwrap();
}
