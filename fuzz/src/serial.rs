//! The serial line of a wearable, with anything at all on it.
//!
//! Takes bytes of a line, or packets that get a right CRC; every answer is one packet, and nothing but an upload's own places
//! changes. In recovery the candidate slot does not change either, because no evidence here was ever signed.

use cuff_bootloader::boot::Ended;
use cuff_bootloader::flash::Chip;
use cuff_bootloader::layout::Region;
use cuff_bootloader::nor::Nor;
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::smp::frame::{self, Inbound};
use cuff_bootloader::smp::{After, Mode, Server, Stand};
use cuff_verifier::verdict::Reason;

use crate::flash::{LAYOUT, provisioned};

/// The first byte: bit 0 recovery, bit 1 packets with a length byte each.
pub fn smp(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let (clean, _) = provisioned();
    let mut nor = Nor::new(clean.clone(), LAYOUT.program, LAYOUT.erase);
    let recovery = mode & 1 == 1;
    let mut server = Server::<516>::new(stand(recovery));
    let line = if mode & 2 == 2 {
        packets(rest)
    } else {
        rest.to_vec()
    };
    for byte in line {
        let mut said = Vec::new();
        let mut chip = Chip::new(&mut nor, &LAYOUT);
        let after = server.hear(&mut chip, byte, &mut |bytes| said.extend_from_slice(bytes));
        let mut inbound = Inbound::<1024>::new();
        let answers = said.iter().filter(|byte| inbound.push(**byte).is_some());
        assert_eq!(answers.count(), usize::from(!said.is_empty()));
        assert_eq!(inbound.broken(), 0);
        if let After::Reset(_) = after {
            server = Server::new(stand(recovery));
        }
    }
    let mut kept = vec![LAYOUT.trust, LAYOUT.counter, LAYOUT.journal, LAYOUT.active];
    kept.push(LAYOUT.confirmation());
    if recovery {
        kept.push(LAYOUT.candidate);
    } else {
        kept.push(LAYOUT.log);
    }
    for region in kept {
        assert_eq!(part(nor.contents(), region), part(clean, region));
    }
}

fn stand(recovery: bool) -> Stand<'static> {
    let (mode, hand_over) = if recovery {
        (Mode::Recovery, HandOver::Recovery(Reason::ActiveMismatch))
    } else {
        (Mode::Application, HandOver::Jump { trial: None })
    };
    Stand {
        mode,
        board: "fuzz",
        bootloader: 1,
        ended: Ended {
            hand_over,
            inbox: None,
            candidate: None,
        },
        nonce: [0; 16],
    }
}

fn packets(mut rest: &[u8]) -> Vec<u8> {
    let mut line = Vec::new();
    while let [length, tail @ ..] = rest {
        let (packet, next) = tail.split_at(usize::from(*length).min(tail.len()));
        frame::send(packet, &mut |bytes| line.extend_from_slice(bytes));
        rest = next;
    }
    line
}

fn part(bytes: &[u8], region: Region) -> &[u8] {
    &bytes[region.offset as usize..region.end() as usize]
}
