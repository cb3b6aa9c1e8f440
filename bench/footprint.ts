import { type IdleFigures, watchIdle } from './footprint/idle.ts';
import { imageSize } from './footprint/image.ts';
import { type InstalledPackage, installPackage } from './footprint/package.ts';
import { type Benchmark, median, number, reportOf, spread, type Table } from './report.ts';
import { withFolder } from './support/folder.ts';

/** What it takes to have a payment-poller that has nothing to do. */

const goals = { residentMegabytes: 100, corePercent: 1 };
const mega = 1_000_000;

export const footprint: Benchmark = (say, { rounds, quick }) =>
  withFolder(async (dir) => {
    say('building and packing the package');
    const { launcher, ...sizes } = await installPackage(dir);
    const windowMs = quick ? 2_000 : 60_000;
    const worker: IdleFigures[] = [];
    const all: IdleFigures[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      say(`round ${round} of ${rounds}: an idle worker, an idle service`);
      worker.push(await watchIdle({ launcher, role: 'worker', windowMs, logDir: dir }));
      all.push(await watchIdle({ launcher, role: 'all', windowMs, logDir: dir }));
    }
    const image = quick ? 'not measured: --quick' : await imageSize();
    const resident = median(worker.map(({ residentBytes }) => residentBytes)) / mega;
    const share = median(worker.map(({ corePercent }) => corePercent));
    const verdicts = [
      `under ${goals.residentMegabytes} MB resident: ${resident < goals.residentMegabytes ? 'met' : 'MISSED'} (${number(resident)} MB)`,
      `under ${goals.corePercent} % of a core: ${share < goals.corePercent ? 'met' : 'MISSED'} (${number(share, 2)} %)`,
    ];
    return reportOf(
      { goals, worker, all, sizes, image },
      [idleTable(worker, all), sizeTable(sizes, image)],
      `Goals for an idle worker: ${verdicts.join('; ')}.`,
      true,
    );
  });

function idleTable(worker: readonly IdleFigures[], all: readonly IdleFigures[]): Table {
  const row = (title: string, figures: readonly IdleFigures[]) => [
    title,
    spread(figures.map(({ readyMs }) => readyMs)),
    spread(figures.map(({ residentBytes }) => residentBytes / mega)),
    spread(
      figures.map(({ corePercent }) => corePercent),
      2,
    ),
    spread(
      figures.map(({ redisCorePercent }) => redisCorePercent),
      2,
    ),
  ];
  return {
    caption:
      'The installed package with one account and nothing to do, over a minute: from spawn to ready, resident memory, CPU.',
    columns: ['', 'ready after ms', 'resident MB', '% of a core', 'its Redis, % of a core'],
    rows: [row('worker', worker), row('worker and API', all)],
  };
}

function sizeTable(sizes: Omit<InstalledPackage, 'launcher'>, image: number | string): Table {
  return {
    caption: 'What is shipped, in MB.',
    columns: ['', 'MB'],
    rows: [
      ['the package, packed', number(sizes.packedBytes / mega, 2)],
      ['the package, unpacked', number(sizes.unpackedBytes / mega, 2)],
      ['installed with its dependencies', number(sizes.installedBytes / mega, 1)],
      ['container image', typeof image === 'string' ? image : number(image / mega)],
    ],
  };
}
