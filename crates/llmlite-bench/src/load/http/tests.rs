use super::*;

#[test]
fn a_request_that_is_made_is_understood() {
    let bytes = request("POST", "/a/b", "h", &[("x", "y")], b"12345");
    let head = request_head(&bytes).unwrap();
    let want = RequestHead {
        path: "/a/b".to_owned(),
        length: bytes.len(),
    };
    assert_eq!(head, Some(want));
    assert_eq!(request_head(&bytes[..20]).unwrap(), None);
    assert!(request_head(b"\x00nonsense\r\n\r\n").is_err());
}

#[track_caller]
fn check(head: &str, want: Option<(u16, Framing)>) {
    let found = response_head(head.as_bytes());
    match want {
        Some((status, framing)) => {
            let length = head.len();
            let want = ResponseHead {
                status,
                length,
                framing,
            };
            assert_eq!(found.unwrap(), Some(want));
        }
        None => assert!(found.is_err()),
    }
}

#[test]
#[rustfmt::skip]
fn a_body_ends_by_length_or_by_chunk_and_never_by_guess() {
    check("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",          Some((200, Framing::Length(7))));
    check("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",          Some((503, Framing::Length(0))));
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", Some((200, Framing::Chunked)));
    check("HTTP/1.1 200 OK\r\nx: y\r\n\r\n",                       None);
    check("SMTP 200 OK\r\n\r\n",                                   None);
}

#[test]
fn a_chunked_body_is_complete_at_its_last_byte_and_not_before() {
    let body = b"5\r\nhello\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
    let mut chunks = Chunks::default();
    for end in 0..body.len() {
        assert!(!chunks.is_complete(&body[..end]).unwrap(), "at {end}");
    }
    assert!(chunks.is_complete(body).unwrap());
    assert!(Chunks::default().is_complete(b"xyz\r\n").is_err());
}

#[test]
fn a_text_is_found_however_it_is_cut() {
    let text = b"....needle....";
    for cut in 0..text.len() {
        let mut search = Search::new("needle");
        let early = search.found(&text[..cut]);
        assert_eq!(early, cut >= 10, "cut at {cut}");
        assert!(early || search.found(text), "cut at {cut}");
    }
    assert!(!Search::new("needle").found(b"needl"));
}
