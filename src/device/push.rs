//! Messages to a device, one reset after each, until the device says no.
//!
//! Takes a link and messages, gives what the bootloader did after every reset. It never retries: a message that was lost is
//! sent again by whoever calls again, and the device goes on from what it has.

use cuff_verifier::verdict::Reason;

use super::link::{Boot, Link, LinkError};
use super::shipment::Message;

/// Sends and resets; ends early when something is refused. `sent` is told how many bytes arrived so far, over all messages.
pub fn push(
    link: &mut dyn Link,
    messages: &[Message],
    mut sent: impl FnMut(u64),
) -> Result<Vec<Boot>, LinkError> {
    let mut boots = Vec::new();
    let mut before = 0;
    for message in messages {
        let mut progress = |done: u64| sent(before + done);
        match message {
            Message::Roots(evidence) | Message::Trust(evidence) => {
                link.write_inbox(evidence, &mut progress)?;
            }
            Message::Candidate { evidence, image } => {
                link.write_candidate(evidence, image, &mut progress)?;
            }
        }
        before += message.length();
        let boot = link.reset()?;
        let refused = refusal(message, &boot).is_some();
        boots.push(boot);
        if refused {
            break;
        }
    }
    Ok(boots)
}

/// Why the bootloader refused this message, if it did. An answer about another place is not about this message.
pub fn refusal(message: &Message, boot: &Boot) -> Option<Reason> {
    let answer = match message {
        Message::Roots(_) | Message::Trust(_) => boot.ended.inbox,
        Message::Candidate { .. } => boot.ended.candidate,
    };
    answer.and_then(Result::err)
}
