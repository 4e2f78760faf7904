//! SMP over a serial console: packets as lines of base64 between other text.
//!
//! A packet is `[length, big-endian u16][body][CRC-16/XMODEM]`, the length counting body and CRC; it is cut into lines of at
//! most 127 bytes, the first of which begins with 06 09 and the others with 04 14. What is damaged, too long or out of order
//! is dropped and counted, never answered: its sender cannot be known. A marker resynchronises anywhere, because neither of
//! its bytes occurs in base64.

/// Bytes that become packets; `N` is the longest packet with its length and CRC.
#[derive(Debug)]
pub struct Inbound<const N: usize> {
    packet: [u8; N],
    filled: usize,
    at: At,
    quad: u32,
    digits: u8,
    padding: u8,
    broken: u32,
}

/// Where in a line the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Other text, until a marker.
    Outside,
    /// After 06.
    Opening,
    /// After 04, with a packet begun.
    Continuing,
    /// In base64.
    Inside,
    /// After a line of an unfinished packet.
    Between,
}

impl<const N: usize> Inbound<N> {
    /// Nothing was heard yet.
    pub const fn new() -> Self {
        Self {
            packet: [0; N],
            filled: 0,
            at: At::Outside,
            quad: 0,
            digits: 0,
            padding: 0,
            broken: 0,
        }
    }

    /// How many packets were dropped.
    pub const fn broken(&self) -> u32 {
        self.broken
    }

    /// Takes one byte; the body of a packet when it was the last one of it.
    #[inline(never)]
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        match (byte, self.at) {
            (OPEN, at) => {
                if matches!(at, At::Inside | At::Between | At::Continuing) {
                    self.drop_packet();
                }
                self.at = At::Opening;
            }
            (OPEN_2, At::Opening) => {
                self.filled = 0;
                self.begin_line();
            }
            (CONTINUE, At::Between) => self.at = At::Continuing,
            (CONTINUE_2, At::Continuing) => self.begin_line(),
            (b'\n', At::Inside) => return self.end_line(),
            // Other text between two lines is somebody's log.
            (b'\r', At::Inside) | (_, At::Outside | At::Between) => {}
            (_, At::Inside) => self.digit(byte),
            (_, At::Continuing) => self.drop_packet(),
            (_, At::Opening) => self.at = At::Outside,
        }
        None
    }

    fn begin_line(&mut self) {
        self.at = At::Inside;
        self.quad = 0;
        self.digits = 0;
        self.padding = 0;
    }

    fn drop_packet(&mut self) {
        self.at = At::Outside;
        self.broken = self.broken.saturating_add(1);
    }

    fn digit(&mut self, byte: u8) {
        let value = match byte {
            b'=' if self.digits >= 2 => {
                self.padding = self.padding.saturating_add(1);
                0
            }
            _ if self.padding > 0 => return self.drop_packet(),
            _ => match value(byte) {
                Some(value) => value,
                None => return self.drop_packet(),
            },
        };
        self.quad = (self.quad << 6) | u32::from(value);
        self.digits = self.digits.saturating_add(1);
        if self.digits < 4 {
            return;
        }
        let [_, bytes @ ..] = self.quad.to_be_bytes();
        let whole = 3usize.saturating_sub(usize::from(self.padding));
        for byte in bytes.iter().take(whole) {
            let Some(place) = self.packet.get_mut(self.filled) else {
                return self.drop_packet();
            };
            *place = *byte;
            self.filled = self.filled.saturating_add(1);
        }
        self.quad = 0;
        self.digits = 0;
    }

    fn end_line(&mut self) -> Option<&[u8]> {
        let whole = self.digits == 0 && self.filled >= 2;
        let stated = self.packet.first_chunk().map_or(0, |length| {
            usize::from(u16::from_be_bytes(*length)).saturating_add(2)
        });
        if !whole || self.filled > stated || stated > N {
            self.drop_packet();
            return None;
        }
        if self.filled < stated {
            self.at = At::Between;
            return None;
        }
        self.at = At::Outside;
        let checked = self.packet.get(2..stated)?;
        // A CRC over what it protects and itself is zero.
        if checked.len() <= 2 || crc(0, checked) != 0 {
            self.broken = self.broken.saturating_add(1);
            return None;
        }
        self.packet.get(2..stated.saturating_sub(2))
    }
}

impl<const N: usize> Default for Inbound<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Sends `body` as lines. Nothing when it is longer than a packet can say.
#[inline(never)]
pub fn send(body: &[u8], out: &mut dyn FnMut(&[u8])) {
    let Ok(length) = u16::try_from(body.len().saturating_add(2)) else {
        return;
    };
    let length = length.to_be_bytes();
    let check = crc(0, body).to_be_bytes();
    let mut bytes = length.iter().chain(body).chain(&check).copied().peekable();
    let mut marker = [OPEN, OPEN_2];
    while bytes.peek().is_some() {
        out(&marker);
        marker = [CONTINUE, CONTINUE_2];
        for _ in 0..QUADS {
            let three = [bytes.next(), bytes.next(), bytes.next()];
            let Some(first) = three[0] else { break };
            let quad = u32::from_be_bytes([0, first, three[1].unwrap_or(0), three[2].unwrap_or(0)]);
            out(&[
                digit(quad >> 18),
                digit(quad >> 12),
                if three[1].is_some() {
                    digit(quad >> 6)
                } else {
                    b'='
                },
                if three[2].is_some() {
                    digit(quad)
                } else {
                    b'='
                },
            ]);
        }
        out(b"\n");
    }
}

/// CRC-16/XMODEM, bit by bit: a table would cost more flash than it saves time.
#[inline(never)]
pub fn crc(seed: u16, bytes: &[u8]) -> u16 {
    let mut crc = seed;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            };
        }
    }
    crc
}

fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit.wrapping_sub(b'A'),
        b'a'..=b'z' => digit.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => digit.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

fn digit(quad: u32) -> u8 {
    let value = quad.to_le_bytes()[0] & 0x3f;
    match value {
        0..=25 => value.wrapping_add(b'A'),
        26..=51 => value.wrapping_sub(26).wrapping_add(b'a'),
        52..=61 => value.wrapping_sub(52).wrapping_add(b'0'),
        62 => b'+',
        _ => b'/',
    }
}

const OPEN: u8 = 0x06;
const OPEN_2: u8 = 0x09;
const CONTINUE: u8 = 0x04;
const CONTINUE_2: u8 = 0x14;
/// Groups of four digits in a line: 2 + 4 * 31 + 1 is 127 bytes.
const QUADS: usize = 31;

#[cfg(test)]
mod tests {
    use std::format;
    use std::vec::Vec;

    use super::*;

    fn lines(body: &[u8]) -> Vec<u8> {
        let mut sent = Vec::new();
        send(body, &mut |bytes| sent.extend_from_slice(bytes));
        sent
    }

    fn hear<const N: usize>(inbound: &mut Inbound<N>, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut heard = Vec::new();
        for byte in bytes {
            if let Some(body) = inbound.push(*byte) {
                heard.push(body.to_vec());
            }
        }
        heard
    }

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(crc(0, b"123456789"), 0x31c3);
    }

    #[test]
    fn every_length_reads_back_and_no_line_is_too_long() {
        let mut inbound = Inbound::<300>::new();
        for length in (1..=296).step_by(crate::STEP.min(37)) {
            let body: Vec<u8> = (0..length)
                .map(|at: u16| at.wrapping_mul(7).to_le_bytes()[0])
                .collect();
            let sent = lines(&body);
            assert!(
                sent.split(|byte| *byte == b'\n')
                    .all(|line| line.len() < 127)
            );
            assert_eq!(hear(&mut inbound, &sent), [body]);
        }
        assert_eq!(inbound.broken(), 0);
    }

    #[test]
    fn a_packet_is_found_between_other_text_and_behind_noise() {
        let mut inbound = Inbound::<64>::new();
        let mut bytes = b"band 1.0.0: 144 bpm\n\x04\x14AAAA\n\x06\x06".to_vec();
        bytes.extend(lines(b"hello"));
        bytes.extend(b"\xff\x00text\n");
        assert_eq!(hear(&mut inbound, &bytes), [b"hello"]);
        assert_eq!(inbound.broken(), 0);
    }

    #[test]
    fn what_is_damaged_is_dropped_and_the_next_packet_is_heard() {
        let good = lines(&[7; 200]);
        for bit in (0..8 * good.len()).step_by(crate::STEP) {
            let place = format!("byte {} bit {}", bit / 8, bit % 8);
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let mut inbound = Inbound::<256>::new();
            for body in hear(&mut inbound, &bad) {
                // A carriage return and the unused bits of the last digit mean nothing.
                assert_eq!(body, [7; 200], "{place}");
            }
            assert_eq!(hear(&mut inbound, &good), [[7; 200]], "{place}");
        }
    }

    #[test]
    fn lines_out_of_order_make_no_packet() {
        let body: Vec<u8> = (0..=255).chain(0..44).collect();
        let sent = lines(&body);
        let parts: Vec<&[u8]> = sent.split_inclusive(|byte| *byte == b'\n').collect();
        let mut inbound = Inbound::<512>::new();
        let swapped = [parts[0], parts[2], parts[1], parts[3]].concat();
        let lost = [parts[0], parts[1], parts[3]].concat();
        let early = [parts[1], parts[0]].concat();
        for wrong in [swapped, lost, early] {
            assert_eq!(hear(&mut inbound, &wrong), [[0; 0]; 0]);
        }
        assert_eq!(hear(&mut inbound, &sent), [body]);
        assert!(inbound.broken() >= 3, "{}", inbound.broken());
    }

    #[test]
    fn a_packet_longer_than_the_buffer_is_dropped() {
        let mut inbound = Inbound::<64>::new();
        assert!(hear(&mut inbound, &lines(&[1; 61])).is_empty());
        assert_eq!(inbound.broken(), 1);
        assert_eq!(hear(&mut inbound, &lines(&[1; 60])), [[1; 60]]);
    }
}
