//! What is answered to bytes that are no request. The HTTP library does it by itself, with an empty body, and asks nobody:
//! such an answer is found where it leaves, and gets the problem document that every other error has.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::problem::{Code, PROBLEM_TYPE, Problem};

/// A connection whose answers all say what is wrong.
#[derive(Debug)]
pub struct Worded<S> {
    stream: S,
    /// What goes out in place of an answer of the library's, and how many bytes that had.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Worded<S> {
    /// Over `stream`.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            instead: None,
        }
    }
}

impl<S: AsyncWrite + Unpin> Worded<S> {
    /// Writes what goes out instead; then, how many bytes the library has got rid of by that.
    fn poll_instead(
        &mut self,
        context: &mut Context<'_>,
        offered: &[u8],
    ) -> Poll<Result<Option<usize>>> {
        if self.instead.is_none() {
            self.instead = worded(offered).map(|answer| (answer, offered.len()));
        }
        let Some((answer, replaced)) = &mut self.instead else {
            return Poll::Ready(Ok(None));
        };
        while !answer.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, answer))?;
            if written == 0 {
                return Poll::Ready(Ok(Some(0)));
            }
            answer.drain(..written);
        }
        let replaced = *replaced;
        self.instead = None;
        Poll::Ready(Ok(Some(replaced)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Worded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Worded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        match ready!(self.poll_instead(context, bytes))? {
            Some(replaced) => Poll::Ready(Ok(replaced)),
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let first = parts.first().map_or(&[][..], |part| part);
        match ready!(self.poll_instead(context, first))? {
            Some(replaced) => Poll::Ready(Ok(replaced)),
            None => Pin::new(&mut self.stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The answer with its document, if these bytes are one of the library's. No answer of a route is an error without a body.
fn worded(bytes: &[u8]) -> Option<Vec<u8>> {
    let status = bytes.strip_prefix(b"HTTP/1.1 ")?;
    let (code, detail) = match status.get(..3)? {
        b"400" => (Code::MalformedRequest, "this is not an HTTP request"),
        b"414" | b"431" => (
            Code::HeadTooLarge,
            "the request's line and headers are too long",
        ),
        _ => return None,
    };
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n").skip(1);
    if !lines.any(|line| line.eq_ignore_ascii_case("content-length: 0")) {
        return None;
    }
    let document = serde_json::to_string(&Problem::new(code, detail)).ok()?;
    let (status, reason) = (code.status().as_u16(), code.status().canonical_reason()?);
    Some(
        format!(
            "HTTP/1.1 {status} {reason}\r\ncontent-type: {PROBLEM_TYPE}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{document}",
            document.len()
        )
        .into_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn an_empty_refusal_gets_its_document_and_nothing_else_does() {
        let library = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let ours = "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n";
        let (near, mut far) = tokio::io::duplex(8);
        let mut near = Worded::new(near);
        let written = tokio::spawn(async move {
            near.write_all(ours.as_bytes()).await?;
            near.write_all(b"no").await?;
            near.write_all(library.as_bytes()).await
        });
        let mut seen = String::new();
        far.read_to_string(&mut seen).await.expect("text");
        written.await.expect("no panic").expect("written");
        let rest = seen.strip_prefix(&format!("{ours}no")).expect("untouched");
        let (head, document) = rest.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.contains(&format!("content-length: {}", document.len())),
            "{head}"
        );
        assert!(document.contains("head_too_large"), "{document}");
    }
}
