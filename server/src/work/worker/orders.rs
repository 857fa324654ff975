//! Listening to the parent while its last request is being dealt with, so that it can be cancelled.

use std::{
    io::{self, BufReader, Read},
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use lemma_prover::cancellation::Cancellation;

use crate::work::protocol::{Order, Request, read_message};

/// A request with the flag that its parent stops it by.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) payload: Vec<u8>,
    pub(super) cancellation: Cancellation,
}

/// Reads orders on a thread of its own until the stream ends or breaks.
pub(super) fn listen(from: impl Read + Send + 'static) -> io::Result<Receiver<io::Result<Asked>>> {
    let (asked, requests) = mpsc::channel();
    thread::Builder::new().spawn(move || forward(BufReader::new(from), &asked))?;
    Ok(requests)
}

fn forward(mut from: impl Read, asked: &Sender<io::Result<Asked>>) {
    let mut last = Cancellation::new();
    loop {
        let next = match read_message(&mut from) {
            Ok(None) => return,
            Ok(Some((Order::Cancel, _))) => {
                last.cancel();
                continue;
            }
            Ok(Some((Order::Do(request), payload))) => {
                last = Cancellation::new();
                Ok(Asked { request, payload, cancellation: last.clone() })
            }
            Err(error) => Err(error),
        };
        let broken = next.is_err();
        if asked.send(next).is_err() || broken {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use lemma_verifier::scheme::Scheme;

    use super::*;
    use crate::work::protocol::write_message;

    #[test]
    fn a_cancellation_concerns_the_last_request_alone() {
        let plan = || Order::Do(Request::Plan { scheme: Scheme::Ipa, memory_limit: 1, seconds: 1 });
        let mut bytes = Vec::new();
        for order in [Order::Cancel, plan(), plan(), Order::Cancel, plan()] {
            write_message(&mut bytes, &order, b"onnx").expect("writes");
        }
        bytes.truncate(bytes.len() - 1);
        let requests = listen(io::Cursor::new(bytes)).expect("listens");
        let asked: Vec<_> = requests.iter().collect();
        let cancelled =
            |asked: &io::Result<Asked>| asked.as_ref().ok().map(|asked| asked.cancellation.is_cancelled());
        // The last one is cut off.
        assert_eq!(asked.iter().map(cancelled).collect::<Vec<_>>(), [Some(false), Some(true), None]);
    }
}
