import fc from 'fast-check';
import { mostPoints, parseCsvHeader, parseCsvLine, parseJsonLine, type CsvShape } from '../../src/domain/creditLine.js';

const today = '2026-11-25';
const good = { memberExternalId: 'anna', points: 150, expiresOn: '2027-12-31', reference: 'order-77' };
const line = (change: Record<string, unknown> = {}): string => JSON.stringify({ ...good, ...change });
const credit = (change: Record<string, unknown> = {}) => ({ kind: 'credit', ...good, ...change });
const refused = (reason: string, field: string | null = null) => ({ kind: 'refused', reason, field });

describe('a line of NDJSON', () => {
  it.each([
    ['as it should be', line(), credit()],
    ['without a date: never expires', line({ expiresOn: undefined }), credit({ expiresOn: null })],
    ['with null for the date', line({ expiresOn: null }), credit({ expiresOn: null })],
    ['with spaces and a CR', ` ${line().replaceAll(',', ' ,\t')} \r`, credit()],
    [
      'in another order',
      '{"reference":"r","points":1,"memberExternalId":"m"}',
      credit({ reference: 'r', points: 1, memberExternalId: 'm', expiresOn: null }),
    ],
    [
      'with escapes',
      '{"memberExternalId":"a\\u0301\\"","points":1,"reference":"r\\\\"}',
      credit({ memberExternalId: 'á"', points: 1, expiresOn: null, reference: 'r\\' }),
    ],
    ['with a name of spaces around', line({ memberExternalId: ' анна ' }), credit({ memberExternalId: 'анна' })],
    ['that expires today', line({ expiresOn: today }), credit({ expiresOn: today })],
    ['of the most points', line({ points: mostPoints }), credit({ points: mostPoints })],
    ['that expired yesterday', line({ expiresOn: '2026-11-24' }), refused('already_over', 'expiresOn')],
    ['of a day that is in no calendar', line({ expiresOn: '2027-02-29' }), refused('invalid_date', 'expiresOn')],
    ['of the 29th of a leap year', line({ expiresOn: '2028-02-29' }), credit({ expiresOn: '2028-02-29' })],
    ['of a date with a time', line({ expiresOn: '2027-12-31T00:00:00Z' }), refused('invalid_date', 'expiresOn')],
    ['of a key that stands twice', line().replace('{', '{"points":1,'), refused('duplicate_field', 'points')],
    [
      'of a date that is null and then one',
      line().replace('{', '{"expiresOn":null,'),
      refused('duplicate_field', 'expiresOn'),
    ],
    [
      'of a date that is one and then null',
      line().replace(/}$/, ',"expiresOn":null}'),
      refused('duplicate_field', 'expiresOn'),
    ],
    [
      'of a date that is null twice',
      line({ expiresOn: null }).replace('{', '{"expiresOn":null,'),
      refused('duplicate_field', 'expiresOn'),
    ],
    ['of a key that we do not know', line({ name: 'Anna' }), refused('unknown_field')],
    ['without a member', line({ memberExternalId: undefined }), refused('missing_field', 'memberExternalId')],
    ['without points', line({ points: undefined }), refused('missing_field', 'points')],
    ['without a reference', line({ reference: undefined }), refused('missing_field', 'reference')],
    ['of nothing', '{}', refused('missing_field', 'memberExternalId')],
    ['of a member that is a number', line({ memberExternalId: 5 }), refused('wrong_type', 'memberExternalId')],
    ['of a member of spaces', line({ memberExternalId: '  ' }), refused('invalid_member', 'memberExternalId')],
    ['of a member with a NUL', line({ memberExternalId: 'a\0b' }), refused('invalid_member', 'memberExternalId')],
    [
      'of a member with half a character',
      line({ memberExternalId: 'a\ud800' }),
      refused('invalid_member', 'memberExternalId'),
    ],
    [
      'of a member with an invisible character',
      line({ memberExternalId: 'a\u200bb' }),
      refused('invalid_member', 'memberExternalId'),
    ],
    [
      'of a member of 201 letters',
      line({ memberExternalId: 'x'.repeat(201) }),
      refused('invalid_member', 'memberExternalId'),
    ],
    ['of a reference with a space', line({ reference: 'a b' }), refused('invalid_reference', 'reference')],
    ['of a reference of 101 letters', line({ reference: 'x'.repeat(101) }), refused('invalid_reference', 'reference')],
    ['that is an array', '[1]', refused('malformed')],
    ['that is cut', line().slice(0, -1), refused('malformed')],
    ['with something after it', `${line()}x`, refused('malformed')],
    ['with a comma too many', line().replace('}', ',}'), refused('malformed')],
    ['with an escape that is none', line().replace('anna', '\\x'), refused('malformed')],
  ])('%s', (_, text, expected) => {
    expect(parseJsonLine(text, today)).toEqual(expected);
  });

  it.each([
    ['"100"', 'wrong_type'],
    ['true', 'wrong_type'],
    ['[5]', 'wrong_type'],
    ['{}', 'wrong_type'],
    ['""', 'wrong_type'],
    ['null', 'wrong_type'],
    ['1.5', 'fractional_points'],
    ['1.0', 'fractional_points'],
    ['1e3', 'invalid_points'],
    ['-0', 'invalid_points'],
    ['+5', 'invalid_points'],
    ['007', 'invalid_points'],
    ['0', 'points_out_of_range'],
    ['-5', 'points_out_of_range'],
    ['1000000000001', 'points_out_of_range'],
    ['9007199254740993', 'points_out_of_range'],
  ])(
    '[case class-transformer#257, nest#13559] points spelled %s are refused as %s, never guessed',
    (spelled, reason) => {
      const text = line().replace('150', spelled);
      expect(parseJsonLine(text, today)).toEqual(refused(reason, 'points'));
    },
  );

  it('is read as JSON.parse reads it, or refused; it never throws', () => {
    const member = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        member,
        fc.integer({ min: 1, max: mostPoints }),
        fc.stringMatching(/^[!-~]{1,100}$/),
        (name, points, reference) => {
          const said = parseJsonLine(line({ memberExternalId: name, points, reference }), today);
          if (said.kind === 'credit')
            expect(said).toEqual(credit({ memberExternalId: name.normalize('NFC').trim(), points, reference }));
          else expect(said).toEqual(refused('invalid_member', 'memberExternalId'));
        },
      ),
    );
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => parseJsonLine(text, today).kind === 'refused'));
  });

  it('is refused wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: line().length - 1 }),
        (length) => parseJsonLine(line().slice(0, length), today).kind === 'refused',
      ),
    );
  });
});

const shapeOf = (header: string): CsvShape => {
  const shape = parseCsvHeader(header);
  if (typeof shape === 'string') throw new Error(shape);
  return shape;
};

describe('the header of a CSV file', () => {
  it.each([
    ['memberExternalId;points;expiresOn;reference', ';'],
    ['memberExternalId,points,reference', ','],
    ['\ufeff"reference"; points ;memberExternalId\r', ';'],
  ])('%s is recognised', (header, delimiter) => {
    expect(shapeOf(header).delimiter).toBe(delimiter);
  });

  it.each([
    ['', 'header_missing'],
    ['\ufeff \r', 'header_missing'],
    ['points;reference', 'column_missing'],
    ['memberExternalId;points;reference;name', 'column_unknown'],
    ['memberExternalId;points;reference;points', 'column_twice'],
    ['anna;150;;order-1', 'column_unknown'],
    ['"memberExternalId;points;reference', 'header_malformed'],
    ['memberExternalId\tpoints\treference', 'column_unknown'],
  ])('%j fails the file: %s', (header, problem) => {
    expect(parseCsvHeader(header)).toBe(problem);
  });
});

describe('a line of CSV', () => {
  const shape = shapeOf('memberExternalId;points;expiresOn;reference');

  it.each([
    ['anna;150;2027-12-31;order-77', credit()],
    ['anna;150;2027-12-31;order-77\r', credit()],
    ['anna;150;;order-77', credit({ expiresOn: null })],
    ['"anna";"150";"2027-12-31";"order-77"', credit()],
    ['"a;""n""";150;;order-77', credit({ memberExternalId: 'a;"n"', expiresOn: null })],
    ['anna;1,5;;order-77', refused('fractional_points', 'points')],
    ['anna;1 000;;order-77', refused('invalid_points', 'points')],
    ['anna;;;order-77', refused('invalid_points', 'points')],
    [';150;;order-77', refused('invalid_member', 'memberExternalId')],
    ['anna;150;order-77', refused('wrong_number_of_fields')],
    ['anna;150;;order-77;', refused('wrong_number_of_fields')],
    ['"anna;150;;order-77', refused('malformed')],
    ['an"na;150;;order-77', refused('malformed')],
    ['"anna"x;150;;order-77', refused('malformed')],
  ])('%j', (text, expected) => {
    expect(parseCsvLine(text, shape, today)).toEqual(expected);
  });

  it('says the same as NDJSON of the same values, in any order of its columns and with either delimiter', () => {
    const columns = fc.shuffledSubarray(['memberExternalId', 'points', 'expiresOn', 'reference'], {
      minLength: 4,
      maxLength: 4,
    });
    const member = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        columns,
        fc.constantFrom(',', ';'),
        member,
        fc.stringMatching(/^[!-~]{1,100}$/),
        (names, delimiter, name, reference) => {
          const values: Record<string, unknown> = { ...good, memberExternalId: name, reference };
          const text = names.map((column) => `"${String(values[column]).replaceAll('"', '""')}"`).join(delimiter);
          expect(parseCsvLine(text, shapeOf(names.join(delimiter)), today)).toEqual(
            parseJsonLine(JSON.stringify(values), today),
          );
        },
      ),
    );
  });
});
