use std::net::{Ipv4Addr, TcpListener};

use super::*;
use crate::upstream::{self, answers};

fn question(path: &str, last: &str) -> Question {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || upstream::serve(&listener));
    Question {
        address,
        request: http::request("POST", path, "upstream", &[], b"{}").into(),
        first: answers::FIRST.into(),
        last: last.into(),
    }
}

fn effort(pattern: Pattern, connections: usize) -> Effort {
    Effort {
        pattern,
        connections,
        rest: Duration::ZERO,
        warm_up: Duration::from_millis(20),
        window: Duration::from_millis(200),
    }
}

#[test]
fn at_saturation_every_answer_counts_once() {
    let question = question("/model/m/invoke", answers::LAST);
    let (outcome, (), ()) = run(&question, effort(Pattern::Saturate, 3), || ()).unwrap();
    assert!(outcome.failed.is_none());
    assert!(outcome.answered > 1.0 && outcome.answered <= outcome.answered_in_all as f64);
    // How long it took is measured, not promised: either edge can come late.
    assert!(outcome.elapsed > Duration::ZERO);
}

#[test]
fn at_a_rate_every_request_that_was_due_is_sent() {
    let question = question("/model/m/invoke", answers::LAST);
    let (outcome, (), ()) = run(&question, effort(Pattern::Rate(500), 8), || ()).unwrap();
    assert!(outcome.failed.is_none());
    assert_eq!(outcome.answered_in_all, 110);
    assert_eq!(outcome.whole.len(), 100);
    assert!(
        outcome.answered > 0.0 && outcome.answered <= 110.0,
        "{}",
        outcome.answered
    );
}

/// A server that answers the first request after a pause and all others at once.
fn slow_once(pause: Duration) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut buffer = Vec::new();
        let mut pause = Some(pause);
        while http::read_more(&mut socket, &mut buffer).is_ok_and(|read| read > 0) {
            while let Some(head) = http::request_head(&buffer).unwrap() {
                buffer.drain(..head.length);
                thread::sleep(pause.take().unwrap_or_default());
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                io::Write::write_all(&mut socket, answer).unwrap();
            }
        }
    });
    address
}

#[test]
fn requests_that_had_to_wait_for_a_slow_answer_count_their_wait() {
    let pause = Duration::from_millis(100);
    let question = Question {
        address: slow_once(pause),
        request: http::request("GET", "/", "slow", &[], b"").into(),
        first: "ok".into(),
        last: "ok".into(),
    };
    let effort = Effort {
        warm_up: Duration::ZERO,
        ..effort(Pattern::Rate(100), 1)
    };
    let (outcome, (), ()) = run(&question, effort, || ()).unwrap();
    // One answer was slow, but ten requests were due before it came: half of them by 50 ms or more.
    let late = outcome.whole.count_between(50_000, u64::MAX);
    assert!(late >= 5, "{late} were late");
}

#[test]
fn a_client_that_rests_still_reads_the_whole_answer() {
    let question = question(
        "/model/m/invoke-with-response-stream",
        &answers::last_on_the_wire(),
    );
    let question = Question {
        first: answers::first_on_the_wire().into(),
        ..question
    };
    let gap = Duration::from_micros(100);
    upstream::set_pace(question.address, answers::Pace { deltas: 9, gap }).unwrap();
    let effort = Effort {
        rest: Duration::from_millis(5),
        ..effort(Pattern::Saturate, 2)
    };
    let (outcome, (), ()) = run(&question, effort, || ()).unwrap();
    assert!(outcome.failed.is_none(), "{:?}", outcome.failed);
    assert!(outcome.whole.min() >= 800, "the stream takes eight gaps");
    assert!(outcome.first.min() < outcome.whole.min());
}

#[test]
fn an_answer_counts_with_the_part_of_it_that_was_measured() {
    let question = Question {
        first: answers::first_on_the_wire().into(),
        ..question(
            "/model/m/invoke-with-response-stream",
            &answers::last_on_the_wire(),
        )
    };
    // One answer that takes about twice as long as is measured.
    let gap = Duration::from_millis(20);
    upstream::set_pace(question.address, answers::Pace { deltas: 20, gap }).unwrap();
    let (outcome, (), ()) = run(&question, effort(Pattern::Saturate, 1), || ()).unwrap();
    assert_eq!(outcome.answered_in_all, 1);
    assert!(
        outcome.answered > 0.0 && outcome.answered < 1.0,
        "{}",
        outcome.answered
    );
}

#[test]
fn an_answer_without_its_end_is_a_failure() {
    let question = question("/model/m/invoke", "a text that never comes");
    let (outcome, (), ()) = run(&question, effort(Pattern::Rate(100), 1), || ()).unwrap();
    let (count, reason) = outcome.failed.unwrap();
    assert_eq!((count, outcome.answered_in_all), (22, 0));
    assert!(reason.contains("lacks its end"), "{reason}");
}

#[test]
fn an_error_answer_is_a_failure_that_tells_its_status() {
    let question = question("/elsewhere", answers::LAST);
    let (outcome, (), ()) = run(&question, effort(Pattern::Saturate, 1), || ()).unwrap();
    let (_, reason) = outcome.failed.unwrap();
    assert!(reason.contains("404"), "{reason}");
}

#[test]
fn requests_that_are_late_at_the_end_are_still_sent() {
    let question = Question {
        address: slow_once(Duration::from_millis(400)),
        request: http::request("GET", "/", "slow", &[], b"").into(),
        first: "ok".into(),
        last: "ok".into(),
    };
    let (outcome, (), ()) = run(&question, effort(Pattern::Rate(100), 1), || ()).unwrap();
    assert_eq!(outcome.answered_in_all, 22);
    assert_eq!(outcome.whole.len(), 20);
    assert!(outcome.whole.min() >= 150_000, "all had to wait");
}
