import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  /** The authority that has signed all of the others. */
  readonly ca: string;
  /** An authority that has signed none of them. */
  readonly otherCa: string;
  /** A server's: for the address 127.0.0.1, not for the name `localhost`. */
  readonly server: Certificate;
  /** The same, but valid only for a day in 2020. */
  readonly expired: Certificate;
  /** A client's, with the common name `lab`. */
  readonly client: Certificate;
  /** A client's, signed by {@link otherCa}. */
  readonly stranger: Certificate;
}

const SERVER = 'subjectAltName=IP:127.0.0.1';
const CLIENT = 'extendedKeyUsage=clientAuth';

/** Creates certificates in that folder. @throws where `openssl` is not installed. */
export async function makeCertificates(dir: string): Promise<Certificates> {
  mkdirSync(dir, { recursive: true });
  const [ca, other] = [await authority(dir, 'ca'), await authority(dir, 'other-ca')];
  return {
    ca: ca.cert,
    otherCa: other.cert,
    server: await signed(dir, 'server', 'server', ca, SERVER),
    expired: await signed(dir, 'expired', 'server', ca, SERVER, '20200101000000Z', '20200102000000Z'),
    client: await signed(dir, 'client', 'lab', ca, CLIENT),
    stranger: await signed(dir, 'stranger', 'stranger', other, CLIENT),
  };
}

async function authority(dir: string, name: string): Promise<Certificate> {
  const [cert, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  const self = ['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  await openssl([...self, '-days', '2', '-subj', `/CN=${name}`, '-out', cert, '-keyout', key]);
  return { cert, key };
}

/** Uses `openssl ca`, the only command that can create an expired certificate. */
async function signed(
  dir: string,
  name: string,
  commonName: string,
  by: Certificate,
  extension: string,
  from = '20200101000000Z',
  to = '20490101000000Z',
): Promise<Certificate> {
  const file = (suffix: string): string => join(dir, `${name}.${suffix}`);
  const request = ['req', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  await openssl([...request, '-subj', `/CN=${commonName}`, '-out', file('csr'), '-keyout', file('key')]);
  writeFileSync(file('index'), '');
  const settings = [
    ...['[ca]', 'default_ca = own', '[own]', `database = ${file('index')}`, `new_certs_dir = ${dir}`],
    ...['rand_serial = yes', 'default_md = sha256', 'policy = any', 'x509_extensions = extra'],
    ...['[any]', 'commonName = supplied', '[extra]', extension],
  ];
  writeFileSync(file('cnf'), `${settings.join('\n')}\n`);
  await openssl([
    ...['ca', '-batch', '-notext', '-config', file('cnf'), '-cert', by.cert, '-keyfile', by.key],
    ...['-startdate', from, '-enddate', to, '-in', file('csr'), '-out', file('pem')],
  ]);
  return { cert: file('pem'), key: file('key') };
}

async function openssl(args: readonly string[]): Promise<void> {
  const { exitCode, code, stderr } = await execa('openssl', args, { reject: false });
  if (code === 'ENOENT')
    throw new Error('openssl is not installed, and this test makes certificates with it');
  if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
