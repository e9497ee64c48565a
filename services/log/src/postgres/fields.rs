//! Events from their columns in PostgreSQL's binary form, as both a SELECT and a COPY send it.

use std::str;

use keruen_proto::log::v1::{Correction, OccurredAt, RecordedEvent};
use prost::bytes::Bytes;
use uuid::Uuid;

use crate::entry;

/// The columns of a whole event, in the order of [`event_of`].
macro_rules! columns {
    () => {
        "position, command_id, event_index, type, tags, region, other_region, data, occurred_at_us, \
         occurred_offset_minutes, occurred_precision, occurred_clamped, recorded_at_us, command_hash, actor, origin, \
         correlation_id, causation_id, corrects_event_id, correction_reason, leaf_hash"
    };
}
pub(super) use columns;

/// How many they are.
pub(super) const COLUMNS: usize = 21;

/// Bytes that are not what a column should hold.
#[derive(Debug, thiserror::Error)]
#[error("a column of an event does not hold what it should")]
pub(super) struct Malformed;

/// The event with these columns; `None` stands for NULL. What it needs for itself of a column's bytes `keep` gives it.
pub(super) fn event_of<'f>(
    columns: impl Iterator<Item = Option<&'f [u8]>>,
    keep: impl Fn(&'f [u8]) -> Bytes,
) -> Result<RecordedEvent, Malformed> {
    let mut columns = Columns(columns);
    let position = columns.long()?;
    let command_id = Uuid::from_slice(columns.next()?).map_err(|_| Malformed)?;
    // The writer stores none below 0.
    let event_index = u32::try_from(columns.int()?).unwrap_or(0);
    let event_id = entry::event_id(command_id, event_index);
    Ok(RecordedEvent {
        position: u64::try_from(position).map_err(|_| Malformed)?,
        command_id: entry::command_id_in(&event_id).to_owned(),
        event_id,
        r#type: columns.text()?,
        tags: entry::tags_in(columns.borrowed_text()?),
        region: columns.text()?,
        other_region: columns.text()?,
        data: keep(columns.next()?),
        occurred_at: Some(OccurredAt {
            time_us: columns.long()?,
            utc_offset_minutes: columns.int()?,
            precision: columns.int()?,
            clamped: columns.next()? != [0],
        }),
        recorded_at_us: columns.long()?,
        command_hash: keep(columns.next()?),
        actor: columns.text()?,
        origin: columns.text()?,
        correlation_id: columns.text()?,
        causation_id: columns.text()?,
        correction: columns.correction()?,
        leaf_hash: keep(columns.next()?),
    })
}

struct Columns<I>(I);

impl<'f, I: Iterator<Item = Option<&'f [u8]>>> Columns<I> {
    fn next(&mut self) -> Result<&'f [u8], Malformed> {
        self.0.next().flatten().ok_or(Malformed)
    }

    fn long(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(
            self.next()?.try_into().map_err(|_| Malformed)?,
        ))
    }

    fn int(&mut self) -> Result<i32, Malformed> {
        int_of(self.next()?)
    }

    fn borrowed_text(&mut self) -> Result<&'f str, Malformed> {
        str::from_utf8(self.next()?).map_err(|_| Malformed)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        Ok(self.borrowed_text()?.to_owned())
    }

    fn correction(&mut self) -> Result<Option<Correction>, Malformed> {
        let corrects_event_id = self.0.next().ok_or(Malformed)?;
        let reason = self.0.next().ok_or(Malformed)?;
        let Some(corrects_event_id) = corrects_event_id else {
            return Ok(None);
        };
        Ok(Some(Correction {
            corrects_event_id: str::from_utf8(corrects_event_id)
                .map_err(|_| Malformed)?
                .to_owned(),
            reason: int_of(reason.ok_or(Malformed)?)?,
        }))
    }
}

fn int_of(bytes: &[u8]) -> Result<i32, Malformed> {
    Ok(i32::from_be_bytes(bytes.try_into().map_err(|_| Malformed)?))
}

/// What a COPY in binary form begins with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Reads the events out of a COPY, piece by piece as the server sends it: each has whole rows.
#[derive(Debug, Default)]
pub(super) struct Copied {
    begun: bool,
}

impl Copied {
    /// Hands on the events of the next piece.
    pub fn read(
        &mut self,
        piece: &Bytes,
        mut take: impl FnMut(RecordedEvent),
    ) -> Result<(), Malformed> {
        let mut rest = Rest(piece);
        if !self.begun {
            self.begun = true;
            if rest.take(SIGNATURE.len())? != SIGNATURE {
                return Err(Malformed);
            }
            // Flags, and an extension of the header that has a length.
            rest.take(4)?;
            let extension = rest.length()?.ok_or(Malformed)?;
            rest.take(extension)?;
        }
        while !rest.0.is_empty() {
            let columns = rest.take(2)?;
            // The end is marked by -1.
            if columns == [0xff, 0xff] {
                break;
            }
            if columns
                .iter()
                .fold(0, |number, byte| number << 8 | usize::from(*byte))
                != COLUMNS
            {
                return Err(Malformed);
            }
            let mut columns = [None; COLUMNS];
            for column in &mut columns {
                if let Some(length) = rest.length()? {
                    *column = Some(rest.take(length)?);
                }
            }
            take(event_of(columns.into_iter(), |column| {
                piece.slice_ref(column)
            })?);
        }
        Ok(())
    }
}

struct Rest<'p>(&'p [u8]);

impl<'p> Rest<'p> {
    fn take(&mut self, length: usize) -> Result<&'p [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A length; `None` stands for NULL.
    fn length(&mut self) -> Result<Option<usize>, Malformed> {
        match int_of(self.take(4)?)? {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), begun in any::<bool>()) {
            let mut events = Vec::new();
            if (Copied { begun }).read(&Bytes::from(bytes.clone()), |event| events.push(event)).is_ok() {
                prop_assert!(events.len() * COLUMNS * 4 <= bytes.len());
            }
        }
    }
}
