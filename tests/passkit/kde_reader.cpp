// What KDE's pass library reads in a pkpass, as JSON; the language is that of the environment.
#include <KPkPass/Barcode>
#include <KPkPass/Field>
#include <KPkPass/Location>
#include <KPkPass/Pass>
#include <QColor>
#include <QGuiApplication>
#include <QImage>
#include <QtCore>

static QJsonArray rows(const QVector<KPkPass::Field> &fields)
{
    QJsonArray all;
    for (const auto &field : fields)
        all << QJsonObject{{"key", field.key()}, {"label", field.label()}, {"value", field.valueDisplayString()},
                           {"changeMessage", field.changeMessage()}};
    return all;
}

int main(int argc, char **argv)
{
    QGuiApplication app(argc, argv);
    const QScopedPointer<KPkPass::Pass> pass(KPkPass::Pass::fromFile(app.arguments().value(1)));
    if (!pass)
        return 1;
    QJsonArray barcodes, places;
    for (const auto &code : pass->barcodes())
        barcodes << QJsonObject{{"format", code.format()}, {"message", code.message()}, {"altText", code.alternativeText()}};
    for (const auto &place : pass->locations())
        places << QJsonObject{{"latitude", place.latitude()}, {"text", place.relevantText()}};
    const QJsonObject read{
        {"type", pass->type()}, {"organizationName", pass->organizationName()}, {"description", pass->description()},
        {"serialNumber", pass->serialNumber()}, {"passTypeIdentifier", pass->passTypeIdentifier()},
        {"webServiceUrl", pass->webServiceUrl().toString()}, {"authenticationToken", pass->authenticationToken()},
        {"expirationDate", pass->expirationDate().toUTC().toString(Qt::ISODate)},
        {"relevantDate", pass->relevantDate().toUTC().toString(Qt::ISODate)},
        {"backgroundColor", pass->backgroundColor().name()}, {"barcodes", barcodes}, {"locations", places},
        {"icon", pass->icon(3).width()}, {"logo", pass->logo(3).width()}, {"strip", pass->strip(3).width()},
        {"header", rows(pass->headerFields())}, {"primary", rows(pass->primaryFields())},
        {"secondary", rows(pass->secondaryFields())}, {"auxiliary", rows(pass->auxiliaryFields())},
        {"back", rows(pass->backFields())}};
    QTextStream(stdout) << QJsonDocument(read).toJson(QJsonDocument::Compact) << Qt::endl;
    return 0;
}
