//! A connection that is kept alive, and the user who is logged in: one request after the other, each with its answer
//! checked.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longer than any store may take, shorter than anybody would wait for a benchmark that hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const HEAD_BYTES_MAX: usize = 16 * 1024;
const PART_BYTES: usize = 4096;

/// A user, and the cookie of the session that the server gave him last.
pub struct User {
    name: String,
    cookie: Option<String>,
}

impl User {
    pub fn new(number: u32) -> Self {
        Self { name: format!("user{number}"), cookie: None }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Answered with the user's name, from the session.
    Read,
    /// The same, and the session is changed.
    Write,
    /// Answered with the user's name and the cookie of a new session.
    Login,
}

pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    pub fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Sends a request and waits for its answer. Whether it is the right one: the server knew the user.
    pub fn ask(&mut self, request: Request, user: &mut User) -> Result<bool> {
        let path = match request {
            Request::Read => "/read".to_owned(),
            Request::Write => "/write".to_owned(),
            Request::Login => format!("/login?name={}", user.name),
        };
        let cookie = user.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let text = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}\r\n");
        self.stream.write_all(text.as_bytes())?;
        let answer = self.receive()?;
        let is_right = answer.status == 200
            && answer.body == user.name.as_bytes()
            && (request != Request::Login || answer.cookie.is_some());
        if answer.cookie.is_some() {
            user.cookie = answer.cookie;
        }
        Ok(is_right)
    }

    fn receive(&mut self) -> Result<Answer> {
        self.received.clear();
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            if self.received.len() > HEAD_BYTES_MAX {
                return Err(strange("its head does not end"));
            }
            self.receive_some()?;
        };
        let head = String::from_utf8_lossy(&self.received[..end]).into_owned();
        let length = header(&head, "content-length").and_then(|length| length.parse().ok());
        let length: usize = length.ok_or_else(|| strange("it has no Content-Length"))?;
        while self.received.len() < end + 4 + length {
            self.receive_some()?;
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok(Answer {
            status: status.ok_or_else(|| strange("it has no status"))?,
            cookie: header(&head, "set-cookie").and_then(|cookie| cookie.split(';').next()).map(str::to_owned),
            body: self.received[end + 4..].to_vec(),
        })
    }

    fn receive_some(&mut self) -> Result<()> {
        let mut part = [0; PART_BYTES];
        match self.stream.read(&mut part)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.received.extend_from_slice(&part[..count]);
                Ok(())
            }
        }
    }
}

struct Answer {
    status: u16,
    cookie: Option<String>,
    body: Vec<u8>,
}

fn strange(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the server's answer is not understood: {what}"))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;

    /// A server that gives these answers, in pieces of so many bytes, and returns what it was asked.
    fn serve(answers: Vec<String>, piece_bytes: usize) -> (u16, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
            let answer = |answer: &String| {
                let asked: Vec<String> =
                    lines.by_ref().map(|line| line.expect("a line")).take_while(|line| !line.is_empty()).collect();
                for piece in answer.as_bytes().chunks(piece_bytes) {
                    (&stream).write_all(piece).expect("sent");
                }
                asked.join("\n")
            };
            answers.iter().map(answer).collect()
        });
        (port, server)
    }

    #[test]
    fn a_user_keeps_the_cookie_of_the_last_login() {
        let answers = [
            "HTTP/1.1 200 OK\r\nSet-Cookie: sid=one; Path=/; HttpOnly\r\ncontent-length: 5\r\n\r\nuser7",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nuser7",
        ];
        let (port, server) = serve(answers.map(str::to_owned).into(), 7);
        let (mut connection, mut user) = (Connection::open(port).expect("connected"), User::new(7));
        assert!(connection.ask(Request::Login, &mut user).expect("answered"));
        assert!(connection.ask(Request::Read, &mut user).expect("answered"));
        let asked = server.join().expect("ended");
        assert!(asked[0].starts_with("GET /login?name=user7 HTTP/1.1") && !asked[0].contains("Cookie"));
        assert!(asked[1].starts_with("GET /read HTTP/1.1") && asked[1].contains("Cookie: sid=one"));
    }

    #[test]
    fn an_answer_without_the_user_is_wrong() {
        let answers = [
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nuser7",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nuser7",
        ];
        let (port, server) = serve(answers.map(str::to_owned).into(), 7);
        let (mut connection, mut user) = (Connection::open(port).expect("connected"), User::new(7));
        assert!(!connection.ask(Request::Read, &mut user).expect("answered"));
        assert!(!connection.ask(Request::Write, &mut user).expect("answered"));
        // A login has to give a cookie.
        assert!(!connection.ask(Request::Login, &mut user).expect("answered"));
        drop(connection);
        server.join().expect("ended");
    }

    #[test]
    fn a_body_that_comes_after_its_head_is_waited_for() {
        let head = |padding: &str| format!("HTTP/1.1 200 OK\r\nPadding: {padding}\r\nContent-Length: 5\r\n\r\n");
        // As long as what is received at a time.
        let padding = "x".repeat(PART_BYTES - head("").len());
        let (port, server) = serve(vec![head(&padding) + "user7"], usize::MAX);
        let (mut connection, mut user) = (Connection::open(port).expect("connected"), User::new(7));
        assert!(connection.ask(Request::Read, &mut user).expect("answered"));
        drop(connection);
        server.join().expect("ended");
    }
}
