"""Apple's lists of names that ``limits`` compares with: semantic tags and the addresses of events and flights.

developer.apple.com/documentation/walletpasses/semantictags, .../pass, .../creating-an-event-pass (as of iOS 27).
"""

from __future__ import annotations


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def _both_ends(*names: str) -> frozenset[str]:
    """Each name for departure and for destination."""
    return frozenset(end + name for end in ("departure", "destination") for name in names)


SEMANTICS = _both_ends(
    "AirportCode", "AirportName", "CityName", "Gate", "Location", "LocationDescription", "LocationSecurityPrograms",
    "LocationTimeZone", "Platform", "StationName", "Terminal",
) | _names(
    """
    additionalTicketAttributes admissionLevel admissionLevelAbbreviation airlineCode airplay albumIDs artistIDs
    attendeeName awayTeamAbbreviation awayTeamLocation awayTeamName balance boardingGroup boardingSequenceNumber
    boardingZone carNumber confirmationNumber currentArrivalDate currentBoardingDate currentDepartureDate duration
    entranceDescription eventEndDate eventName eventStartDate eventStartDateInfo eventType flightCode flightNumber
    genre homeTeamAbbreviation homeTeamLocation homeTeamName internationalDocumentsAreVerified
    internationalDocumentsVerifiedDeclarationName leagueAbbreviation leagueName loungePlaceIDs
    membershipProgramName membershipProgramNumber membershipProgramStatus originalArrivalDate originalBoardingDate
    originalDepartureDate passengerAirlineSSRs passengerCapabilities passengerEligibleSecurityPrograms
    passengerInformationSSRs passengerName passengerServiceSSRs performerNames playlistIDs priorityStatus seats
    securityScreening silenceRequested sportName tailgatingAllowed ticketFareClass totalPrice transitProvider
    transitStatus transitStatusReason vehicleName vehicleNumber vehicleType venueBoxOfficeOpenDate venueCloseDate
    venueDoorsOpenDate venueEntrance venueEntranceDoor venueEntranceGate venueEntrancePortal venueFanZoneOpenDate
    venueGatesOpenDate venueLocation venueName venueOpenDate venueParkingLotsOpenDate venuePhoneNumber
    venuePlaceID venueRegionName venueRoom wifiAccess
    """
)  # fmt: skip

POSTER_EVENT_NEEDS = ("eventName", "venueName", "venueRegionName", "venueRoom")
SEMANTIC_BOARDING_NEEDS = (
    "airlineCode", "flightNumber", "departureAirportCode", "destinationAirportCode", "departureLocationTimeZone",
    "originalDepartureDate", "originalBoardingDate", "originalArrivalDate", "passengerName",
)  # fmt: skip

EVENT_URLS = _names(
    """
    accessibilityURL addOnURL bagPolicyURL contactVenueEmail contactVenuePhoneNumber contactVenueWebsite
    directionsInformationURL merchandiseURL orderFoodURL parkingInformationURL purchaseParkingURL sellURL transferURL
    transitInformationURL
    """
)
BOARDING_URLS = _names(
    """
    changeSeatURL entertainmentURL managementURL purchaseAdditionalBaggageURL purchaseLoungeAccessURL purchaseWifiURL
    registerServiceAnimalURL reportLostBagURL requestWheelchairURL trackBagsURL upgradeURL transitProviderEmail
    transitProviderPhoneNumber transitProviderWebsiteURL
    """
)
