use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use codex_testkit::ProxyRecorder;

#[test]
fn connections_are_refused_and_recorded() {
    let recorder = ProxyRecorder::start().unwrap();
    assert_eq!(recorder.connections(), Vec::<String>::new());
    let env = recorder.env();
    let proxy = |name: &str| env.iter().find(|(key, _)| key == name).unwrap().1.clone();
    assert_eq!(proxy("HTTPS_PROXY"), proxy("https_proxy"));
    assert!(proxy("no_proxy").contains("127.0.0.1"));

    let address = proxy("ALL_PROXY");
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
    stream
        .write_all(b"CONNECT example.com:443 HTTP/1.1\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert_eq!(recorder.connections(), ["CONNECT example.com:443 HTTP/1.1"]);
}
