"""Words that Google Wallet says by itself, both languages side by side: labels without one of the pass's own, notifications.

On the lock screen the words are Google's and generic, whatever the issuer writes; these are like them.
"""

from __future__ import annotations

from collections.abc import Mapping

LABELS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "loyaltyPoints": "Points",
        "secondaryLoyaltyPoints": "Points",
        "rewardsTier": "Tier",
        "accountName": "Name",
        "accountId": "Number",
        "balance": "Balance",
        "cardNumber": "Card number",
        "validTimeInterval": "Valid until",
        "venue": "Venue",
        "dateTime": "Date",
        "gate": "Gate",
        "section": "Section",
        "row": "Row",
        "seat": "Seat",
        "seatNumber": "Seat",
        "boardingGroup": "Group",
        "origin": "From",
        "destination": "To",
        "localScheduledDepartureDateTime": "Departs",
        "passengerName": "Passenger",
        "passengerNames": "Passengers",
        "originName": "From",
        "destinationName": "To",
        "departureDateTime": "Departs",
        "confirmationCode": "Confirmation code",
        "faceValue": "Price",
        "ticketHolderName": "Name",
        "ticketNumber": "Ticket",
    },
    "ru": {
        "loyaltyPoints": "Баллы",
        "secondaryLoyaltyPoints": "Баллы",
        "rewardsTier": "Уровень",
        "accountName": "Имя",
        "accountId": "Номер",
        "balance": "Баланс",
        "cardNumber": "Номер карты",
        "validTimeInterval": "Действует до",
        "venue": "Место",
        "dateTime": "Дата",
        "gate": "Вход",
        "section": "Сектор",
        "row": "Ряд",
        "seat": "Место",
        "seatNumber": "Место",
        "boardingGroup": "Группа",
        "origin": "Откуда",
        "destination": "Куда",
        "localScheduledDepartureDateTime": "Отправление",
        "passengerName": "Пассажир",
        "passengerNames": "Пассажиры",
        "originName": "Откуда",
        "destinationName": "Куда",
        "departureDateTime": "Отправление",
        "confirmationCode": "Код бронирования",
        "faceValue": "Цена",
        "ticketHolderName": "Имя",
        "ticketNumber": "Билет",
    },
}

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {"message": "You have a new message about your pass", "update": "Your pass was updated"},
    "ru": {"message": "Новое сообщение о вашей карте", "update": "Ваша карта обновлена"},
}
