import { floatJson, notInLocaleC } from './number-text.ts';
import type { TypeMapping } from './type-mapping.ts';

const COORDINATES = /^\(([^,]+),([^)]+)\)$/;

/** `point`: both coordinates, and the same point as OGC's well-known binary (WKB). */
export const POINT: TypeMapping = {
  schema: {
    type: 'struct',
    fields: [
      { type: 'double', field: 'x' },
      { type: 'double', field: 'y' },
      { type: 'bytes', optional: true, field: 'wkb' },
      { type: 'int32', optional: true, field: 'srid' },
    ],
    name: 'io.debezium.data.geometry.Point',
    version: 1,
    doc: 'Geometry (POINT)',
  },
  encode: (text) => {
    const [, x, y] = COORDINATES.exec(text) ?? [];
    if (x === undefined || y === undefined) throw notInLocaleC('point');
    const wkb = Buffer.alloc(21);
    wkb[0] = 1; // little-endian
    wkb.writeUInt32LE(1, 1); // a point
    wkb.writeDoubleLE(Number(x), 5);
    wkb.writeDoubleLE(Number(y), 13);
    return `{"x":${floatJson(x)},"y":${floatJson(y)},"wkb":"${wkb.toString('base64')}","srid":null}`;
  },
  fallback: '{"x":0.0,"y":0.0,"wkb":"AQEAAAAAAAAAAAAAAAAAAAAAAAAA","srid":null}',
  placeholder: null,
};
