//! Lists of what somebody must see to.

use clap::Args;
use keruen_proto::stock::v1::{
    ListHeldStockRequest, ListRecallsRequest, ListShortagesRequest, ListStockCountsRequest,
    ListUnidentifiedGoodsRequest,
};

use crate::client::{failure::Failure, mutation::ListArgs, session::Session};

/// Which places.
#[derive(Args, Debug)]
pub struct Where {
    /// Only in this region
    #[arg(long, value_name = "CODE")]
    region: Option<String>,
    /// Only at this facility
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// Which held stock.
#[derive(Args, Debug)]
pub struct Held {
    /// Only of this item
    #[arg(long, value_name = "CODE")]
    item: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// Which counts.
#[derive(Args, Debug)]
pub struct Counts {
    /// Only at this facility
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Only of this item
    #[arg(long, value_name = "CODE")]
    item: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// Which recalls.
#[derive(Args, Debug)]
pub struct Recalls {
    /// Only of this item
    #[arg(long, value_name = "CODE")]
    item: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// Which goods.
#[derive(Args, Debug)]
pub struct Goods {
    /// Only at this facility
    #[arg(long, value_name = "CODE")]
    facility: Option<String>,
    /// Also those of which all packages have been identified
    #[arg(long)]
    identified: bool,
    #[command(flatten)]
    list: ListArgs,
}

impl Where {
    /// Lists who has less than its minimum reserve.
    pub async fn shortages(self, session: &Session) -> Result<(), Failure> {
        let request = ListShortagesRequest {
            region_id: self.region.unwrap_or_default(),
            facility_id: self.facility.unwrap_or_default(),
            min_position: self.list.min_position,
            ..Default::default()
        };
        session.list(request, self.list.limit).await
    }
}

impl Held {
    /// Lists stock that is held.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let Where {
            region,
            facility,
            list,
        } = self.place;
        let request = ListHeldStockRequest {
            region_id: region.unwrap_or_default(),
            facility_id: facility.unwrap_or_default(),
            item_id: self.item.unwrap_or_default(),
            min_position: list.min_position,
            ..Default::default()
        };
        session.list(request, list.limit).await
    }
}

impl Counts {
    /// Lists counts.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = ListStockCountsRequest {
            facility_id: self.facility.unwrap_or_default(),
            item_id: self.item.unwrap_or_default(),
            min_position: self.list.min_position,
            ..Default::default()
        };
        session.list(request, self.list.limit).await
    }
}

impl Recalls {
    /// Lists recalls.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = ListRecallsRequest {
            item_id: self.item.unwrap_or_default(),
            min_position: self.list.min_position,
            ..Default::default()
        };
        session.list(request, self.list.limit).await
    }
}

impl Goods {
    /// Lists unidentified goods.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = ListUnidentifiedGoodsRequest {
            facility_id: self.facility.unwrap_or_default(),
            show_identified: self.identified,
            min_position: self.list.min_position,
            ..Default::default()
        };
        session.list(request, self.list.limit).await
    }
}
