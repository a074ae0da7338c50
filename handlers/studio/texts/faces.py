"""Google's own labels, for fields without one of the card's own."""

from __future__ import annotations

_BOTH = {
    "google_label_loyaltyPoints": ("Points", "Баллы"),
    "google_label_secondaryLoyaltyPoints": ("Points", "Баллы"),
    "google_label_rewardsTier": ("Tier", "Уровень"),
    "google_label_accountName": ("Name", "Имя"),
    "google_label_accountId": ("Number", "Номер"),
    "google_label_balance": ("Balance", "Баланс"),
    "google_label_cardNumber": ("Card number", "Номер карты"),
    "google_label_end": ("Valid until", "Действует до"),
    "google_label_name": ("Venue", "Место"),
    "google_label_start": ("Date", "Дата"),
    "google_label_gate": ("Gate", "Вход"),
    "google_label_section": ("Section", "Сектор"),
    "google_label_row": ("Row", "Ряд"),
    "google_label_seat": ("Seat", "Место"),
    "google_label_airportIataCode": ("Airport", "Аэропорт"),
    "google_label_passengerName": ("Passenger", "Пассажир"),
    "google_label_originName": ("From", "Откуда"),
    "google_label_destinationName": ("To", "Куда"),
    "google_label_departureDateTime": ("Departs", "Отправление"),
    "google_label_confirmationCode": ("Confirmation code", "Код бронирования"),
    "google_label_ticketHolderName": ("Name", "Имя"),
    "google_label_ticketNumber": ("Ticket", "Билет"),
}

TEXTS = {language: {key: pair[place] for key, pair in _BOTH.items()} for place, language in enumerate(("en", "ru"))}
