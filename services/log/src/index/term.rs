//! What the index knows a type, a tag or a command id by: a keyed hash.

use siphasher::sip::SipHasher13;
use uuid::Uuid;

/// Bits of a hash, the first of which tells command ids from names. So few that postings stay small, so many that two
/// terms of one log hardly ever share one; whoever finds a posting looks at the event itself.
pub(crate) const HASH_BITS: u32 = 48;
/// What the hashes of command ids begin with; those of names begin with 0.
const COMMAND: u64 = 1 << (HASH_BITS - 1);

/// One event that carries one term. They are sorted by hash, then position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Posting {
    pub hash: u64,
    pub position: u64,
}

impl Posting {
    /// Not greater than that of any command.
    pub const FIRST_COMMAND: Self = Self {
        hash: COMMAND,
        position: 0,
    };

    /// Greater than every posting.
    pub const END: Self = Self {
        hash: 1 << HASH_BITS,
        position: 0,
    };

    /// The smallest posting that is greater.
    pub fn next(self) -> Self {
        Self {
            position: self.position + 1,
            ..self
        }
    }
}

/// Hashes the terms of one log. The key is the log's id, so that nobody can choose terms that collide without it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TermHasher {
    sip: SipHasher13,
}

impl TermHasher {
    /// For the log with this id.
    pub fn new(log_id: [u8; 16]) -> Self {
        Self {
            sip: SipHasher13::new_with_key(&log_id),
        }
    }

    /// A type or a tag. Types hold no colon and tags do, so that they can't be taken for one another.
    pub fn name(&self, name: &str) -> u64 {
        self.hash(name.as_bytes())
    }

    /// A command id.
    pub fn command(&self, command_id: Uuid) -> u64 {
        COMMAND | self.hash(command_id.as_bytes())
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        self.sip.hash(bytes) >> (u64::BITS - HASH_BITS + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored hashes must stay what they are.
    #[test]
    fn hashes_are_stable() {
        let hasher = TermHasher::new(*b"0123456789abcdef");
        let id = Uuid::from_bytes(*b"ABCDEFGHIJKLMNOP");
        insta::assert_snapshot!(
            format!("{:012x} {:012x} {:012x}", hasher.name("donation:D-1"), hasher.name("ABCDEFGHIJKLMNOP"), hasher.command(id)),
            @"2dc25c81b5cf 2d3f3f16809d ad3f3f16809d"
        );
    }
}
