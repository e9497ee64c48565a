//! Somebody asks for goods to be moved, for a request or by plan.

use std::collections::BTreeMap;

use keruen_proto::{
    Event,
    requests::v1::{Request, RequestLine},
    shipments::v1::{ShipmentLine, ShipmentRequested},
};

use super::{GoodsToSend, RequestShipment};
use crate::{
    books::Books,
    boundary::Boundary,
    code::Code,
    command::{Command, Moment},
    goods, limits,
    registry::{existing_facility, existing_item, facility::open},
    rejection::Rejection,
    request::{
        decide::{check_servable, existing},
        is_accepted,
    },
    stock::lot::{existing_owner, owner_read},
};

impl Command for RequestShipment {
    fn reads(&self, _: &Books) -> Vec<Boundary> {
        let mut boundaries = vec![
            Boundary::Shipment(self.shipment_id.clone()),
            Boundary::Facility(self.origin_id.clone()),
            Boundary::Facility(self.destination_id.clone()),
        ];
        for goods in &self.lines {
            boundaries.push(Boundary::Item(goods.item_id.clone()));
            boundaries.extend(
                goods
                    .request
                    .as_ref()
                    .map(|(id, _)| Boundary::Request(id.clone())),
            );
            boundaries.extend(owner_read(goods.owner_id.as_ref()));
        }
        boundaries
    }

    fn decide(&self, books: &Books, moment: Moment) -> Result<Vec<Event>, Rejection> {
        self.existence(books)?;
        self.state(books)?;
        // What is left at a place that is closed or retired, or of an item that is, may still be brought away.
        open(books, &self.destination_id, moment)?;
        limits::lines("lines", self.lines.len(), limits::SHIPMENT_LINES)?;
        goods::numbered_once(self.lines.iter().map(|goods| goods.line))?;
        for (index, goods) in self.lines.iter().enumerate() {
            self.check_request(books, index, goods)?;
        }
        goods::sum("lines", self.lines.iter().map(|goods| goods.quantity.get()))?;
        self.check_approved(books)?;
        limits::keep(vec![
            ShipmentRequested {
                shipment_id: self.shipment_id.to_string(),
                origin_id: self.origin_id.to_string(),
                destination_id: self.destination_id.to_string(),
                lines: self.lines.iter().map(line).collect(),
            }
            .into(),
        ])
    }

    fn subject(&self, _: &Books) -> Option<Boundary> {
        Some(Boundary::Shipment(self.shipment_id.clone()))
    }
}

fn line(goods: &GoodsToSend) -> ShipmentLine {
    let (request_id, request_line) = match &goods.request {
        Some((id, line)) => (id.to_string(), *line),
        None => (String::new(), 0),
    };
    ShipmentLine {
        line: goods.line,
        item_id: goods.item_id.to_string(),
        quantity: goods.quantity.get(),
        request_id,
        request_line,
        owner_id: goods
            .owner_id
            .as_ref()
            .map(Code::to_string)
            .unwrap_or_default(),
        min_life_days: goods.min_life_days,
        ..ShipmentLine::default()
    }
}

impl RequestShipment {
    fn existence(&self, books: &Books) -> Result<(), Rejection> {
        if books.shipment(&self.shipment_id).is_some() {
            return Err(Rejection::ShipmentExists {
                shipment_id: self.shipment_id.to_string(),
            });
        }
        existing_facility(books, &self.origin_id)?;
        existing_facility(books, &self.destination_id)?;
        for goods in &self.lines {
            existing_item(books, &goods.item_id)?;
            existing_owner(books, goods.owner_id.as_ref())?;
            if let Some((request_id, _)) = &goods.request {
                existing(books, request_id)?;
            }
        }
        Ok(())
    }

    fn state(&self, books: &Books) -> Result<(), Rejection> {
        if self.origin_id == self.destination_id {
            return Err(Rejection::SameFacility {
                facility_id: self.origin_id.to_string(),
            });
        }
        for (request_id, _) in self.lines.iter().filter_map(|goods| goods.request.as_ref()) {
            check_servable(existing(books, request_id)?)?;
        }
        Ok(())
    }

    /// Refuses a line that is not what the request's line asks for, or not for that facility.
    fn check_request(
        &self,
        books: &Books,
        index: usize,
        goods: &GoodsToSend,
    ) -> Result<(), Rejection> {
        let Some((request_id, number)) = &goods.request else {
            return Ok(());
        };
        let item = existing_item(books, &goods.item_id)?;
        let request = existing(books, request_id)?;
        let Some(line) = request_line(request, *number) else {
            return Err(Rejection::UnknownRequestLine {
                field: format!("lines[{index}].request_line"),
                request_id: request_id.to_string(),
                line: *number,
            });
        };
        if request.facility_id != self.destination_id.as_str() {
            return Err(Rejection::RequestOfAnotherFacility {
                field: format!("lines[{index}].request_id"),
                request_id: request_id.to_string(),
                facility_id: request.facility_id.clone(),
                destination_id: self.destination_id.to_string(),
            });
        }
        if !goods::fits(&line.commodity_id, &line.item_id, item)
            && !is_accepted(request, *number, &item.item_id)
        {
            return Err(Rejection::RequestLineMismatch {
                field: format!("lines[{index}].item_id"),
                request_id: request_id.to_string(),
                line: *number,
                requested: goods::described(&line.commodity_id, &line.item_id),
                item_id: item.item_id.clone(),
            });
        }
        Ok(())
    }

    /// Refuses more of a request's line than is approved and not allocated yet.
    fn check_approved(&self, books: &Books) -> Result<(), Rejection> {
        let mut sums: BTreeMap<(&Code, i32), i64> = BTreeMap::new();
        for goods in &self.lines {
            if let Some((request_id, number)) = &goods.request {
                *sums.entry((request_id, *number)).or_default() += goods.quantity.get();
            }
        }
        for ((request_id, number), requested) in sums {
            let line = request_line(existing(books, request_id)?, number);
            let (approved, allocated) = line.map_or((0, 0), |line| (line.approved, line.allocated));
            if requested > approved - allocated {
                return Err(Rejection::ExceedsApproved {
                    request_id: request_id.to_string(),
                    line: number,
                    requested,
                    approved,
                    allocated,
                });
            }
        }
        Ok(())
    }
}

/// A line of a request.
pub(crate) fn request_line(request: &Request, number: i32) -> Option<&RequestLine> {
    request.lines.iter().find(|line| line.line == number)
}
