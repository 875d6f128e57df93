//! A connection that waits for its peer, but not for ever.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A connection that breaks when the peer takes nothing of what is sent to it for so long. Whatever it takes begins the
/// time anew: a slow line is no fault.
pub struct Patient<T> {
    inner: T,
    within: Duration,
    /// Runs while there is something that the peer does not take.
    waits: Option<Pin<Box<Sleep>>>,
}

impl<T: Unpin> Patient<T> {
    /// The connection with this patience.
    pub const fn new(inner: T, within: Duration) -> Self {
        Self {
            inner,
            within,
            waits: None,
        }
    }

    /// What came of a write, or that it has waited too long.
    fn judge<R>(&mut self, came: Poll<io::Result<R>>, context: &mut Context<'_>) -> Poll<io::Result<R>> {
        if came.is_ready() {
            self.waits = None;
            return came;
        }
        let within = self.within;
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(within)));
        ready!(waits.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(context, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, part: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let came = Pin::new(&mut this.inner).poll_write(context, part);
        this.judge(came, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let came = Pin::new(&mut this.inner).poll_write_vectored(context, parts);
        this.judge(came, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let came = Pin::new(&mut this.inner).poll_flush(context);
        this.judge(came, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let came = Pin::new(&mut this.inner).poll_shutdown(context);
        this.judge(came, context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (near, _far) = duplex(16);
        let mut patient = Patient::new(near, Duration::from_millis(20));
        let sent = patient.write_all(&[0; 17]).await;
        assert_eq!(sent.map_err(|failure| failure.kind()), Err(ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn the_time_begins_anew_with_whatever_is_taken() {
        let (near, mut far) = duplex(16);
        let mut patient = Patient::new(near, Duration::from_hours(1));
        patient.write_all(&[0; 16]).await.expect("there is room");
        assert!(patient.waits.is_none(), "nothing waits");
        assert!(
            poll_immediate(patient.write_all(&[0; 8])).await.is_none(),
            "there is no room"
        );
        assert!(patient.waits.is_some());
        far.read_exact(&mut [0; 8]).await.expect("some bytes");
        patient.write_all(&[0; 8]).await.expect("there is room again");
        assert!(patient.waits.is_none(), "nothing waits any more");
    }
}
