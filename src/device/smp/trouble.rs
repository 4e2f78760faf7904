//! What went wrong on a line, in the words of the link: a refusal of the device, or a line that is no longer there.

use std::error::Error;

use cuff_bootloader::flash::Fault;
use cuff_verifier::verdict::Reason;
use mcumgr_toolkit::client::MCUmgrClientError;
use mcumgr_toolkit::connection::ExecuteError;
use mcumgr_toolkit::smp_errors::DeviceError;
use mcumgr_toolkit::transport::ReceiveError;

use crate::device::link::LinkError;

/// What the device itself answered with, if it was the device.
pub(super) fn refusal(error: &MCUmgrClientError) -> Option<&DeviceError> {
    match error {
        MCUmgrClientError::ExecuteError(ExecuteError::ErrorResponse(said)) => Some(said),
        _ => None,
    }
}

/// The numbered reason in an answer: `reason 502`.
fn reason(said: &DeviceError) -> Option<Reason> {
    match said {
        DeviceError::V1 {
            rsn: Some(said), ..
        } => Reason::from_code(said.strip_prefix("reason ")?.parse().ok()?),
        _ => None,
    }
}

/// An error as the link's.
pub(super) fn told(error: &MCUmgrClientError) -> LinkError {
    match refusal(error) {
        Some(said) => match reason(said) {
            Some(Reason::FlashFault) => LinkError::Flash(Fault::Driver),
            Some(reason) => LinkError::Refused(reason),
            None => LinkError::Answer {
                said: said.to_string(),
            },
        },
        None => lost(error),
    }
}

pub(super) fn lost(error: &MCUmgrClientError) -> LinkError {
    LinkError::Lost {
        why: match error {
            MCUmgrClientError::ProgressCallbackError => {
                "it answers, and the upload does not get on".to_owned()
            }
            MCUmgrClientError::ChecksumMismatchOnDevice => {
                "what arrived is not what was sent, and the device has forgotten it".to_owned()
            }
            other => root_cause(other),
        },
    }
}

pub(super) fn is_silence(error: &MCUmgrClientError) -> bool {
    matches!(
        error,
        MCUmgrClientError::ExecuteError(ExecuteError::ReceiveFailed(ReceiveError::Timeout))
    )
}

/// The innermost message, with a small letter in front.
pub(super) fn root_cause(error: &MCUmgrClientError) -> String {
    let mut lowest: &dyn Error = error;
    while let Some(lower) = lowest.source() {
        lowest = lower;
    }
    let text = lowest.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}
