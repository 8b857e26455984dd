//! A method and the frames of its content, which are one message.

use super::super::{LONGEST, Opaque};
use crate::wire::tap::frame::{BODY, Frame, HEADER};

/// Publish, return, deliver, get-ok.
const WITH_CONTENT: [(u16, u16); 4] = [(60, 40), (60, 50), (60, 60), (60, 71)];
/// Where a content's header has its size.
const SIZE_AT: usize = 4;

/// Where the content of the first frame ends, or that frame itself if it has none; none while it is not all there. A content
/// that is too long to be kept passes as it comes.
pub(super) fn ends(bytes: &[u8], first: &Frame<'_>) -> Result<Option<usize>, Opaque> {
    let alone = first.all.len();
    if !first
        .method()
        .is_some_and(|method| WITH_CONTENT.contains(&method))
    {
        return Ok(Some(alone));
    }
    let mut at = alone;
    let mut to_come: Option<usize> = None;
    while to_come != Some(0) {
        let Some(frame) = Frame::first(&bytes[at..])? else {
            return Ok((bytes.len() > LONGEST).then_some(alone));
        };
        at += frame.all.len();
        if frame.channel != first.channel {
            continue;
        }
        match (frame.kind, &mut to_come) {
            (HEADER, to_come @ None) => {
                let size = frame
                    .number(SIZE_AT)
                    .and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or(Opaque)?;
                if size > LONGEST {
                    return Ok(Some(alone));
                }
                *to_come = Some(size);
            }
            (BODY, Some(to_come)) => *to_come = to_come.saturating_sub(frame.payload.len()),
            // The channel was closed in the middle of it.
            _ => return Ok(Some(alone)),
        }
    }
    Ok(Some(at))
}
