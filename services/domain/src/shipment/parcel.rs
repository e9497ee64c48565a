//! Parcels: what of a shipment is packed under one number and one seal, and who answers for what is in them.

use keruen_proto::{
    Event, EventType,
    shipments::v1::{
        CustodyBasis, Parcel, ParcelPacked, ParcelUnpacked, SealCheck, SealState, Shipment,
        ShipmentDispatched, ShipmentLot, ShipmentParcel, ShipmentState, ShipmentUnits,
    },
};

use super::{
    Pick, existing,
    pick::{self, Free},
    reads,
    receipt::units_of,
    split,
    state::is_same,
    wrong_state,
};
use crate::{
    books::{Books, Fold},
    boundary::Boundary,
    code::{Code, Label},
    command::{Command, Moment},
    limits,
    rejection::Rejection,
    stock::level::remove,
};

/// Packs units that a shipment has claimed.
#[derive(Clone, Debug)]
pub struct PackParcel {
    /// The shipment.
    pub shipment_id: Code,
    /// Serial Shipping Container Code.
    pub sscc: Code,
    /// Number of its seal, if it has one.
    pub seal_number: Option<Label>,
    /// What goes in; `None` means everything that is claimed and not packed.
    pub contents: Option<Vec<Pick>>,
    /// Weight in grams; 0 where unknown.
    pub weight_g: i64,
    /// Room in millilitres; 0 where unknown.
    pub volume_ml: i64,
}

/// Takes a parcel apart before it leaves.
#[derive(Clone, Debug)]
pub struct UnpackParcel {
    /// The shipment.
    pub shipment_id: Code,
    /// The parcel.
    pub sscc: Code,
}

impl Fold for Parcel {
    const EVENT_TYPES: &'static [&'static str] = &[ParcelPacked::TYPE];

    fn evolve(&mut self, boundary: &Boundary, event: &Event) {
        if let (Boundary::Parcel(sscc), Event::ParcelPacked(event)) = (boundary, event)
            && let Some(parcel) = event.parcel.as_ref().filter(|it| it.sscc == sscc.as_str())
        {
            *self = parcel.clone();
        }
    }
}

/// The number of a parcel.
pub(super) fn sscc(parcel: &ShipmentParcel) -> Option<&str> {
    parcel.parcel.as_ref().map(|it| it.sscc.as_str())
}

/// A parcel as it is packed.
pub(super) fn packed(parcel: Parcel) -> ShipmentParcel {
    let seal_state = if parcel.seal_number.is_empty() {
        SealState::Unsealed
    } else {
        SealState::Sealed
    };
    ShipmentParcel {
        parcel: Some(parcel),
        seal_state: seal_state.into(),
        contents_liable_id: String::new(),
    }
}

/// What is packed of the units of a lot: how many, and which.
pub(super) fn packed_of(shipment: &Shipment, of_line: &ShipmentUnits) -> (i64, Vec<String>) {
    let contents = shipment
        .parcels
        .iter()
        .filter_map(|it| it.parcel.as_ref())
        .flat_map(|parcel| &parcel.contents)
        .filter(|units| is_same(units, of_line))
        .filter_map(|units| units.units.as_ref());
    contents.fold((0, Vec::new()), |(sum, mut numbers), units| {
        numbers.extend_from_slice(&units.serial_numbers);
        (units.quantity.saturating_add(sum), numbers)
    })
}

/// A parcel in which units were packed that a shipment no longer claims has to be packed anew.
pub(super) fn drop_incomplete(shipment: &mut Shipment) {
    let is_claimed = |shipment: &Shipment, units: &ShipmentUnits| {
        let Some(lot) = lot(shipment, units) else {
            return false;
        };
        let (packed, numbers) = packed_of(shipment, units);
        let claimed = units_of(lot);
        let known = claimed.map_or(&[][..], |it| &it.serial_numbers);
        claimed.is_some_and(|it| packed <= it.quantity)
            && numbers.iter().all(|number| known.contains(number))
    };
    while let Some(index) = shipment.parcels.iter().rposition(|it| {
        let mut contents = it.parcel.iter().flat_map(|parcel| &parcel.contents);
        contents.any(|units| !is_claimed(shipment, units))
    }) {
        shipment.parcels.remove(index);
    }
}

/// Some of the contents of a parcel pass to another owner, in it.
pub(super) fn pass(
    shipment: &mut Shipment,
    of_parcel: &str,
    units: &ShipmentUnits,
    theirs: &ShipmentUnits,
) {
    let mut parcels = shipment.parcels.iter_mut();
    let known = parcels.find(|it| sscc(it) == Some(of_parcel));
    let Some(parcel) = known.and_then(|it| it.parcel.as_mut()) else {
        return;
    };
    let Some(passing) = &units.units else {
        return;
    };
    // A parcel may hold the same lot several times, as it was picked.
    let mut open = passing.quantity;
    let contents = parcel.contents.iter_mut();
    for content in contents.filter(|content| is_same(content, units)) {
        let Some(content) = &mut content.units else {
            continue;
        };
        let known = content.serial_numbers.len();
        remove(&mut content.serial_numbers, &passing.serial_numbers);
        let named = i64::try_from(known - content.serial_numbers.len()).unwrap_or(i64::MAX);
        let taken = if passing.serial_numbers.is_empty() {
            content.quantity.min(open)
        } else {
            named
        };
        content.quantity -= taken;
        open -= taken;
    }
    let is_there =
        |content: &ShipmentUnits| content.units.as_ref().is_some_and(|it| it.quantity > 0);
    parcel.contents.retain(is_there);
    split::add(&mut parcel.contents, theirs.clone());
}

fn lot<'a>(shipment: &'a Shipment, units: &ShipmentUnits) -> Option<&'a ShipmentLot> {
    shipment.lots.iter().find(|lot| {
        let of_line = lot.shipment_units.as_ref();
        of_line.is_some_and(|of_line| is_same(of_line, units))
    })
}

/// Whoever sends sealed parcels answers for what is in them, unless the custodian has counted it.
pub(super) fn leave(shipment: &mut Shipment, event: &ShipmentDispatched) {
    let is_counted = event.basis == Some(CustodyBasis::Counted.into());
    let liable_id = if is_counted {
        &event.custodian_id
    } else {
        &event.sender_id
    };
    let sealed = |it: &&mut ShipmentParcel| it.seal_state() == SealState::Sealed;
    for parcel in shipment.parcels.iter_mut().filter(sealed) {
        parcel.contents_liable_id.clone_from(liable_id);
    }
}

/// A shipment never left: its parcels are as they were packed.
pub(super) fn stay(shipment: &mut Shipment) {
    for known in &mut shipment.parcels {
        if let Some(parcel) = known.parcel.take() {
            *known = packed(parcel);
        }
    }
}

/// Takes in what was found of seals. Whoever had a parcel when its seal was found broken answers for what is in it; who had
/// it when it was found before, does so still.
pub(super) fn look_at(shipment: &mut Shipment, seals: &[SealCheck]) {
    let custodian_id = shipment.custodian_id.clone();
    for seal in seals {
        let known = shipment.parcels.iter_mut();
        let Some(parcel) = known.into_iter().find(|it| sscc(it) == Some(&seal.sscc)) else {
            continue;
        };
        let was_whole = matches!(
            parcel.seal_state(),
            SealState::Sealed | SealState::Intact | SealState::Unsealed
        );
        if seal.state() == SealState::Intact {
            // What was broken once does not become whole.
            if parcel.seal_state() == SealState::Sealed {
                parcel.seal_state = SealState::Intact.into();
            }
            continue;
        }
        if was_whole {
            parcel.contents_liable_id.clone_from(&custodian_id);
        }
        parcel.seal_state = seal.state;
    }
}

/// Who answers for units that are missing: for those in a parcel whose seal is intact, whoever sealed or counted it; for
/// others, whoever has them.
pub(super) fn liable(shipment: &Shipment, missing: &ShipmentUnits, named: Option<&str>) -> String {
    let holds = |it: &&ShipmentParcel| {
        let contents = it.parcel.iter().flat_map(|parcel| &parcel.contents);
        contents.into_iter().any(|units| is_same(units, missing))
    };
    let mut parcels = shipment
        .parcels
        .iter()
        .filter(holds)
        .filter(|it| named.is_none_or(|named| sscc(it) == Some(named)));
    let (packed, _) = packed_of(shipment, missing);
    let all = lot(shipment, missing).and_then(units_of);
    // Units that may have been in no parcel were in somebody's hands.
    let may_be_loose = named.is_none() && all.is_none_or(|units| packed < units.quantity);
    let custodian_id = &shipment.custodian_id;
    let Some(first) = parcels.next().filter(|_| !may_be_loose) else {
        return custodian_id.clone();
    };
    let answers = |it: &ShipmentParcel| match it.seal_state() {
        SealState::Intact | SealState::Broken | SealState::ParcelMissing
            if !it.contents_liable_id.is_empty() =>
        {
            it.contents_liable_id.clone()
        }
        _ => custodian_id.clone(),
    };
    let liable_id = answers(first);
    if parcels.all(|it| answers(it) == liable_id) {
        liable_id
    } else {
        custodian_id.clone()
    }
}

/// Refuses seals of parcels that the shipment does not have.
pub(super) fn check_seals_exist(shipment: &Shipment, seals: &[SealCheck]) -> Result<(), Rejection> {
    for seal in seals {
        existing_parcel(shipment, &seal.sscc)?;
    }
    Ok(())
}

/// Refuses a parcel that is named twice.
pub(super) fn check_seals_once(seals: &[SealCheck]) -> Result<(), Rejection> {
    for (index, seal) in seals.iter().enumerate() {
        if seals[..index].iter().any(|it| it.sscc == seal.sscc) {
            return Err(Rejection::DuplicateParcel {
                field: format!("seals[{index}].sscc"),
                sscc: seal.sscc.clone(),
            });
        }
    }
    Ok(())
}

/// The parcel, or that the shipment has none such.
pub(super) fn existing_parcel<'a>(
    shipment: &'a Shipment,
    wanted: &str,
) -> Result<&'a ShipmentParcel, Rejection> {
    let mut parcels = shipment.parcels.iter();
    parcels
        .find(|it| sscc(it) == Some(wanted))
        .ok_or_else(|| Rejection::UnknownParcel {
            shipment_id: shipment.shipment_id.clone(),
            sscc: wanted.to_owned(),
        })
}

/// Refuses units of which a parcel has fewer, or none.
pub(super) fn check_contains(
    field: &str,
    shipment: &Shipment,
    wanted: &str,
    found: &ShipmentUnits,
) -> Result<(), Rejection> {
    let parcel = existing_parcel(shipment, wanted)?;
    let contents = parcel.parcel.iter().flat_map(|parcel| &parcel.contents);
    let packed = contents.into_iter().filter(|units| is_same(units, found));
    let packed: i64 = packed
        .filter_map(|units| units.units.as_ref())
        .map(|units| units.quantity)
        .sum();
    let found = found.units.as_ref();
    if found.is_some_and(|units| units.quantity <= packed) {
        return Ok(());
    }
    Err(Rejection::NotInParcel {
        field: field.to_owned(),
        sscc: wanted.to_owned(),
        batch_id: found
            .map(|units| units.batch_id.clone())
            .unwrap_or_default(),
        packed,
    })
}

fn check_not_left(shipment: &Shipment) -> Result<(), Rejection> {
    match shipment.state() {
        ShipmentState::Requested | ShipmentState::Allocated => Ok(()),
        _ => Err(wrong_state(shipment, "REQUESTED or ALLOCATED")),
    }
}

/// What is claimed of a lot and not packed.
fn unpacked(shipment: &Shipment, lot: &ShipmentLot) -> Free {
    let (Some(of_line), Some(units)) = (&lot.shipment_units, units_of(lot)) else {
        return Free::default();
    };
    let (packed, numbers) = packed_of(shipment, of_line);
    let free = units.serial_numbers.iter();
    Free {
        quantity: units.quantity - packed,
        serial_numbers: free
            .filter(|number| !numbers.contains(number))
            .cloned()
            .collect(),
    }
}

impl Command for PackParcel {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        let mut boundaries = reads(books, &self.shipment_id);
        boundaries.push(Boundary::Parcel(self.sscc.clone()));
        boundaries
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        if books.parcel(&self.sscc).is_some() {
            return Err(Rejection::ParcelExists {
                sscc: self.sscc.to_string(),
            });
        }
        check_not_left(shipment)?;
        if shipment.parcels.len() >= limits::PARCELS {
            return Err(Rejection::TooManyRecords {
                kind: "shipment",
                id: self.shipment_id.to_string(),
                what: "parcels",
                limit: limits::PARCELS,
            });
        }
        let free = |lot: &ShipmentLot| unpacked(shipment, lot);
        let contents = match &self.contents {
            Some(picks) => pick::taken("contents", shipment, picks, free)?,
            None => pick::everything(shipment, free),
        };
        if contents.is_empty() {
            return Err(Rejection::NothingToPack {
                shipment_id: self.shipment_id.to_string(),
            });
        }
        limits::lines("contents", contents.len(), limits::PARCEL_CONTENTS)?;
        limits::keep(vec![
            ParcelPacked {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                parcel: Some(Parcel {
                    sscc: self.sscc.to_string(),
                    seal_number: self
                        .seal_number
                        .as_ref()
                        .map(Label::to_string)
                        .unwrap_or_default(),
                    contents,
                    weight_g: self.weight_g,
                    volume_ml: self.volume_ml,
                }),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

impl Command for UnpackParcel {
    fn reads(&self, books: &Books) -> Vec<Boundary> {
        reads(books, &self.shipment_id)
    }

    fn decide(&self, books: &Books, _: Moment) -> Result<Vec<Event>, Rejection> {
        let shipment = existing(books, &self.shipment_id)?;
        let parcel = existing_parcel(shipment, &self.sscc)?;
        check_not_left(shipment)?;
        limits::keep(vec![
            ParcelUnpacked {
                shipment_id: shipment.shipment_id.clone(),
                origin_id: shipment.origin_id.clone(),
                destination_id: shipment.destination_id.clone(),
                parcel: parcel.parcel.clone(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}
