/** Which part of the page is shown: it is in the address, behind `#`. */
import { useEffect, useState } from '/vendor/hooks.js';

/** @typedef {{ name: 'start' | 'builds' | 'build', query: URLSearchParams }} Route */

/** @returns {Route} */
function currentRoute() {
  const [path = '', query = ''] = location.hash.slice(1).split('?', 2);
  const name = path === '/build' ? 'build' : path === '/builds' ? 'builds' : 'start';
  return { name, query: new URLSearchParams(query) };
}

export function useRoute() {
  const [route, setRoute] = useState(currentRoute);
  useEffect(() => {
    const look = () => setRoute(currentRoute());
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  return route;
}

/** @param {string} id */
export function buildAddress(id) {
  return `#/build?${new URLSearchParams({ id })}`;
}

/** @param {Record<string, string>} query those that are empty are left out */
export function buildsAddress(query) {
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''));
  return given.size === 0 ? '#/builds' : `#/builds?${given}`;
}
